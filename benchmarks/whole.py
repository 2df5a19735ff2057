"""Run time of N2D on MNIST by default, of this commit and another one: the whole run, or `N2D.predict`.

    git worktree add ../before COMMIT
    python benchmarks/whole.py --against ../before
    python benchmarks/whole.py --against ../before --fit 60000

runs `n2d.py mnist cpu` of both in turn, each in a process of its own and from scratch. With --fit, each fits N2D to so
many images, the first ones, and predicts the last 10,000, once for each repeat. Prints medians and ranges, and how many
times as much the other one takes. The kernels of both are compiled before, by a short run on digits.
"""

import argparse
import importlib
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
NEW = 10_000  # points that are predicted


def run(checkout, dataset, data_dir):
    """Seconds, peak memory in MB and ACC of one run of a checkout's command."""
    from n2d.experiments import tables

    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, checkout / "n2d.py", dataset, "cpu", f"--data_dir={data_dir}"]
        start = time.perf_counter()
        with Path(folder, "log.txt").open("w") as log:
            process = subprocess.Popen([*command, f"--save_dir={folder}/run"], stdout=log, stderr=log)
            status, memory = tables.wait(process)
        seconds = time.perf_counter() - start
        if status:
            raise RuntimeError(f"{checkout}: {Path(folder, 'log.txt').read_text()}")
        return seconds, memory, json.loads(Path(folder, "run/metrics.json").read_text())["acc"]


def module(name):
    """Of the package n2d, or of a checkout from before it was one."""
    try:
        return importlib.import_module(f"n2d.{name}")
    except ImportError:
        return importlib.import_module(name)


def predict(checkout, dataset, data_dir, n_fit, repeats):
    """Of this process: seconds of each `N2D.predict` of a checkout, and peak memory in MB and ACC, once for each."""
    import resource

    sys.path.insert(0, checkout)
    import n2d  # noqa: F401  (it makes the folder the package n2d)

    datasets, metrics, pipeline = map(module, ("datasets", "metrics", "pipeline"))
    data = datasets.load(dataset, Path(data_dir))
    settings = {"scale": data.scale, "image_shape": data.image_shape, "random_state": 0}
    model = pipeline.N2D(len(data.label_names), **settings).fit(data.x[: int(n_fit)])
    new, y = data.x[int(n_fit) :][-NEW:], data.y[int(n_fit) :][-NEW:]
    seconds = []
    for _ in range(1 + int(repeats)):
        start = time.perf_counter()
        labels = model.predict(new)
        seconds.append(time.perf_counter() - start)
    memory, acc = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 2**10, metrics.accuracy(y, labels)
    return [(took, memory, acc) for took in seconds[1:]]


def main():
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", type=Path, required=True, help="checkout of another commit")
    parser.add_argument("--dataset", default="mnist")
    parser.add_argument("--fit", type=int, metavar="N", help="samples to fit to, for N2D.predict")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--data_dir", type=Path)
    parser.add_argument("--predict", nargs=5, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.predict:
        return print(json.dumps(predict(*args.predict)))
    sys.path.insert(0, str(ROOT))
    import n2d

    data_dir = args.data_dir or n2d.arguments.DATA_DIR
    ways = {"this commit": ROOT, str(args.against): args.against.resolve()}
    if not (ways[str(args.against)] / "n2d.py").is_file():
        parser.error(f"--against must be a checkout with n2d.py, got {args.against}")
    for checkout in ways.values():
        with tempfile.TemporaryDirectory() as folder:
            digits = [checkout / "n2d.py", "digits", "cpu", "--pretrain_epochs=1", f"--save_dir={folder}"]
            subprocess.run([sys.executable, *digits], check=True, capture_output=True)
    found = {name: [] for name in ways}
    for _ in range(1 if args.fit else args.repeats):
        for name, checkout in ways.items():
            if args.fit:
                settings = [checkout, args.dataset, data_dir, args.fit, args.repeats]
                command = [sys.executable, __file__, "--against", checkout, "--predict", *map(str, settings)]
                output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
                found[name] += json.loads(output.splitlines()[-1])
            else:
                found[name].append(run(checkout, args.dataset, data_dir))
    print(f"| {args.dataset} | {' | '.join(ways)} | ratio |\n|---|---|---|---|")
    for i, (what, form) in enumerate((("seconds", ".1f"), ("peak memory, MB", ",.0f"), ("ACC", ".4f"))):
        columns = [[row[i] for row in rows] for rows in found.values()]
        cells = [f"{median(c):{form}} ({min(c):{form}} to {max(c):{form}})" for c in columns]
        print(f"| {what} | {' | '.join(cells)} | {median(columns[1]) / median(columns[0]):.2f} |")


if __name__ == "__main__":
    main()
