"""Cluster a table of your own, without knowing how many clusters it has, and write the clusters beside its rows."""

import sys
import tempfile
from pathlib import Path

import pandas as pd
from sklearn.datasets import load_wine

sys.path.append(str(Path(__file__).parents[1]))  # where n2d is, unless it is installed
from n2d import N2D, datasets


def main():
    """Write the table, read it as n2d does, cluster it."""
    folder = Path(tempfile.mkdtemp(prefix="n2d-table-"))
    load_wine(as_frame=True).data.to_csv(folder / "wine.csv", index=False)  # 178 wines, 13 measurements of each

    table = datasets.load(folder / "wine.csv")  # x is float64, (178, 13)
    model = N2D(n_clusters="auto", scale=table.scale, random_state=0).fit(table.x)

    clusters = pd.DataFrame(table.x, columns=table.feature_names)
    clusters["cluster"] = model.labels_
    clusters["confidence"] = model.confidence_.round(3)
    clusters.to_csv(folder / "clusters.csv", index=False)
    means = clusters.groupby("cluster")[["alcohol", "flavanoids", "proline", "confidence"]].mean()
    print(means.to_string(float_format="%.2f"))
    print(f"each wine with its cluster: {folder / 'clusters.csv'}")


if __name__ == "__main__":
    main()
