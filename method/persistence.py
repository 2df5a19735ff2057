"""Save a fitted model to a folder, and load it: JSON and safetensors, no code, no pickles."""

import json
import math
import os
from pathlib import Path

import numpy as np
import safetensors.numpy
from sklearn.utils.validation import check_is_fitted

from .. import models
from .autoencoder import weights
from .autoencoder.encoder import Encoder
from .autoencoder.scaling import Scaling
from .clusters import clustering, outliers
from .clusters.assignment import Assignment
from .manifold import neighbourhood

FORMAT = 4
FIT_ALONE = ("ae_weights", "architecture", "callback", "checkpoint_dir", "device")  # parameters not saved
# attributes of the samples of the fit, here without their final underscore
STATE = ("latent", "embedding", "map", "labels", "confidence", "outlier", "halves")
ABOUT = ("n_clusters", "reason", "nested")  # of each clustering into another number, beside the labels


class ModelError(ValueError):
    """Raised for a folder without a saved model, a damaged one, or a model that lacks what is asked of it."""


def save(model, folder):
    """Save a fitted N2D to a folder.

    `model.json` holds the parameters, `autoencoder.safetensors` the network and `state.safetensors` the latent space,
    embedding, map, labels, confidence, outlier and halves of the samples that manifold and clusters were learnt from,
    their inputs if neighbours are ranked by them (as bytes, if that is lossless), the clusters and their hierarchy, and
    the clusters of other numbers. What only the fit needed is not saved: `graph_`, `manifold_`, and the records of the
    refinement.

    Parameters
    ----------
    model : pipeline.N2D
    folder : path-like
    """
    check_is_fitted(model)
    folder = Path(folder)
    inputs, divisor = model.neighbourhood_.inputs, None
    assignment = model.assignment_
    if inputs is not None:
        inputs, divisor = _as_bytes(inputs)
    network, clusterer = model.network_, type(model.clusterer_).__name__
    parameters = {name: _plain(value) for name, value in model.get_params().items() if name not in FIT_ALONE}
    if isinstance(model.random_state, np.random.RandomState):
        parameters["random_state"] = model.seed_
    record = {
        "format": FORMAT,
        "parameters": parameters,
        "network": network.model_dump(mode="json") if isinstance(network, models.Architecture) else network,
        "feature_names": getattr(model, "feature_names_in_", np.array([])).tolist(),
        "inputs_divisor": divisor,
        "small_shape": model.small_shape_,
        "n_clusters": model.n_clusters_,
        "clusterer": clusterer,
        "metric": model.metric_,
        "modularity": assignment.modularity,
        "reach": assignment.reach,
        "alternatives": [{name: one[name] for name in ABOUT} for one in model.alternatives_],
        "outliers": {"scale": assignment.outliers.scale, "n_nearest": assignment.outliers.n_nearest},
        "reading": getattr(model, "reading_", {}),
        "cluster_names": getattr(model, "cluster_names_", None),
        "fingerprint": getattr(model, "fingerprint_", None),
        "corrections": getattr(model, "corrections_", None),
        "n_iter": model.n_iter_,
        "batch_size": model.batch_size_,
    }
    text = json.dumps(record, indent=2, default=lambda number: number.item())  # NumPy scalars
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.json").unlink(missing_ok=True)  # it is written last: without it, a model is incomplete
    weights.save_weights(model.autoencoder_, folder / "autoencoder.safetensors")
    state = {"offset_": model.scaling_.offset, "factor_": model.scaling_.factor}
    if model.scaling_.total is not None:
        state["total_"] = np.float64(model.scaling_.total)
    state |= {f"{name}_": getattr(model, f"{name}_")[model.sample_] for name in STATE}
    state |= {"hierarchy_": assignment.hierarchy, "usual_": assignment.outliers.usual, "sizes_": assignment.sizes}
    state |= {f"clusters_of_{one['n_clusters']}_": one["labels"][model.sample_] for one in model.alternatives_}
    rows = getattr(model, "rows_", None) if isinstance(model.sample_, slice) else model.sample_
    if rows is not None:
        state["rows_"] = rows
    if inputs is not None:
        state["inputs_"] = inputs
    if (components := model.neighbourhood_.components) is not None:
        state |= {"components_": components.components_, "mean_": components.mean_}
    state |= {f"clusterer_.{name}": getattr(model.clusterer_, name) for name in clustering.STATE[clusterer]}
    state = {name: np.ascontiguousarray(array) for name, array in state.items()}
    with weights.ordinary_mode(folder / "state.safetensors"):
        safetensors.numpy.save_file(state, folder / "state.safetensors")
    partial = folder / "model.json.part"
    partial.write_text(text + "\n")
    os.replace(partial, folder / "model.json")


def load(cls, folder, device="cpu"):
    """Load the model that `save` wrote to a folder, ready to predict.

    Parameters
    ----------
    cls : type
        N2D, of which this is a class method.
    folder : path-like
    device : str
        PyTorch device of the autoencoder.

    Raises
    ------
    ModelError
        If the folder holds no model, or a damaged one.
    """
    folder = Path(folder)
    try:
        record = json.loads((folder / "model.json").read_text())
        if record["format"] != FORMAT:
            raise ValueError(f"its format is {record['format']}, not {FORMAT}: fit and save it anew")
        state = safetensors.numpy.load_file(folder / "state.safetensors")
        return _restore(cls, folder, record, state, device)
    except MemoryError:
        raise
    except Exception as error:  # a damaged file may raise anything
        raise ModelError(f"{folder} does not hold a saved model ({error})") from error


def _restore(cls, folder, record, state, device):
    parameters = {name: value for name, value in record["parameters"].items() if name not in FIT_ALONE}
    parameters |= {name: tuple(value) for name, value in parameters.items() if isinstance(value, list)}
    model = cls(**parameters, device=device)
    network = record["network"]
    network = models.Architecture.model_validate(network) if isinstance(network, dict) else network
    ensemble, _ = weights.load_weights(folder / "autoencoder.safetensors", network)
    total = float(state.pop("total_").item()) if "total_" in state else None
    scaling = Scaling(model.scale, state.pop("offset_"), state.pop("factor_"), total)
    model.encoder_ = Encoder(scaling, ensemble.to(device), network, record["batch_size"], record["n_iter"])
    model.n_features_in_, model.sample_, model.small_shape_ = ensemble[0].n_features, slice(None), model.image_shape
    if model.image_shape is not None and math.prod(model.image_shape) != model.n_features_in_:  # they were reduced
        model.n_features_in_ = math.prod(model.image_shape)
        model.small_shape_ = tuple(record["small_shape"])
    of_samples = {name: state.pop(f"{name}_", None) for name in STATE}
    if of_samples["map"] is None:  # saved when the embedding was the map
        of_samples["map"] = of_samples["embedding"]
    vars(model).update({f"{name}_": array for name, array in of_samples.items()})
    model.metric_, model.n_clusters_ = record["metric"], record["n_clusters"]
    model.neighbourhood_ = model.make_neighbourhood(model.latent_, None)
    if "components_" in state:
        components = neighbourhood.restore_components(state.pop("components_"), state.pop("mean_"))
        model.neighbourhood_.components = components
    inputs = state.pop("inputs_", None)
    if record["inputs_divisor"]:
        inputs = inputs.astype(np.float32) / np.float32(record["inputs_divisor"])
    model.neighbourhood_.inputs = inputs  # they were scaled before they were saved
    linkage, usual = state.pop("hierarchy_", None), state.pop("usual_", None)
    if of_samples["halves"] is None:  # saved before there were any
        of_samples["halves"] = model.halves_ = np.full(len(model.labels_), -1, np.int8)
    sizes = state.pop("sizes_", np.bincount(model.labels_, minlength=model.n_clusters_))
    model.rows_ = state.pop("rows_", None)  # of the samples among those of the run, if the fit left out some
    others = record.get("alternatives", [])
    model.alternatives_ = [one | {"labels": state.pop(f"clusters_of_{one['n_clusters']}_")} for one in others]
    arrays = {name.removeprefix("clusterer_."): array for name, array in state.items()}
    model.assignment_ = Assignment(
        clusterer=clustering.restore(record["clusterer"], arrays),
        hierarchy=linkage,
        sizes=sizes,
        outliers=None if usual is None else outliers.Reference(usual, **record["outliers"]),
        **{name: record[name] for name in ("n_clusters", "modularity", "reach")},
        **{name: of_samples[name] for name in ("embedding", "labels", "confidence", "outlier", "halves")},
    )
    if usual is None:  # saved before there were outliers and a hierarchy
        model.assignment_.compare(model.latent_, *model.neighbourhood_.graph())
        model.outlier_ = model.assignment_.outlier
    if record["feature_names"]:
        model.feature_names_in_ = np.array(record["feature_names"], dtype=object)
    model.reading_ = record.get("reading", {})  # of the file, which an N2D that is given arrays has not seen
    names = record.get("cluster_names")  # the same
    model.cluster_names_ = names and tuple(names)
    # fingerprint of the clusters, and their corrections by hand, for `n2d.py apply` and `predict`
    model.fingerprint_, model.corrections_ = record.get("fingerprint"), record.get("corrections")
    return model


def _plain(value):
    """Convert a parameter for JSON: ranges and arrays become lists, which are loaded as tuples."""
    return value.tolist() if isinstance(value, np.ndarray) else list(value) if isinstance(value, range) else value


def _as_bytes(x):
    """Convert x, float32, to bytes if that is lossless, and return the divisor (1 or 255); otherwise x and None."""
    for divisor in (1, 255) if x.dtype == np.float32 and x.min() >= 0 and x.max() <= 255 else ():
        whole = np.rint(x * divisor)
        if whole.max() <= 255 and np.array_equal(whole / np.float32(divisor), x):
            return whole.astype(np.uint8), divisor
    return x, None
