"""Choose the reader for a file of the user's own, and read it."""

import dataclasses

from . import annotated, array_files, documents, image_files, image_kinds, table_files
from .options import Options
from .samples import DatasetError, checked, stand_in

READERS = {
    ".npy": array_files.read_npy,
    ".npz": array_files.read_npz,
    ".mat": array_files.read_mat,
    ".h5": array_files.read_hdf5,
    ".hdf5": array_files.read_hdf5,
    ".zarr": array_files.read_zarr,
    ".csv": table_files.read_text,
    ".tsv": table_files.read_text,
    ".txt": table_files.read_text,
    ".dat": table_files.read_text,
    ".data": table_files.read_text,
    ".vec": table_files.read_text,
    ".svm": array_files.read_svmlight,
    ".svmlight": array_files.read_svmlight,
    ".libsvm": array_files.read_svmlight,
    ".csv.gz": table_files.read_text,
    ".csv.bz2": table_files.read_text,
    ".csv.xz": table_files.read_text,
    ".tsv.gz": table_files.read_text,
    ".zip": table_files.read_text,
    ".xlsx": table_files.read_excel,
    ".feather": table_files.read_feather,
    ".parquet": table_files.read_parquet,
    ".h5ad": annotated.read_h5ad,
    ".jsonl": documents.read_jsonl,
    ".jsonl.gz": documents.read_jsonl,
}
OF_NETWORKS = {"features", "features_weights"}
OF_COLUMNS = {"label_column", "id_column", "text_column", "drop", "categorical", "missing"} | OF_NETWORKS
OPTIONS = {  # options that each reader takes, and what it reads
    array_files.read_npy: ({"missing"}, "an .npy array"),
    annotated.read_h5ad: ({"label_column", "layer", "obsm", "missing"}, "annotated data"),
    array_files.read_svmlight: ({"missing"}, "sparse text of SVMlight's"),
    table_files.read_text: (OF_COLUMNS | {"header", "decimal"}, "a table"),
    table_files.read_excel: (OF_COLUMNS | {"header", "sheet"}, "a workbook"),
    table_files.read_parquet: (OF_COLUMNS, "a .parquet table"),
    table_files.read_feather: (OF_COLUMNS, "a .feather table"),
    image_files.read_folder: (OF_NETWORKS | {"image_size", "grayscale", "strict"}, "a folder of images"),
    documents.read_jsonl: (OF_NETWORKS | {"label_column", "id_column", "text_column"}, "a file of JSON lines"),
    documents.read_lines: (OF_NETWORKS, "a text of one document a line"),
    documents.read_folder: (OF_NETWORKS | {"strict"}, "a folder of texts"),
}
OF_TABLES = (table_files.read_text, table_files.read_excel, table_files.read_parquet, table_files.read_feather)
OF_ARRAYS = ({"label_column", "array", "missing"}, "a file of arrays")


def read(path, **options):
    """Read the user's own data.

    Parameters
    ----------
    path : pathlib.Path
        One of these:

        - .npy: an array (n_samples, n_features), or of images;
        - .npz, .mat, .h5, .hdf5, .zarr: the same as `x`, `data` or its only array, and labels as `y` or `labels`;
        - .csv, .tsv, .txt, .dat, .data, .vec, the first two also in .gz, .bz2, .xz or alone in a .zip; .xlsx, .feather,
          .parquet: a table of numbers, with or without a header;
        - .svm, .svmlight, .libsvm, and text that looks like it: sparse, with a label at the beginning of each line;
        - .h5ad: annotated data, its `X`, counts normalised;
        - .jsonl: texts, a JSON object a line; and .txt without numbers: texts, one a line;
        - a folder of .txt files, or of one subfolder of them for each class;
        - a folder of images, of the kinds that Pillow opens, or of one subfolder of images for each class.
    **options
        See `options.Options`.

    Returns
    -------
    Dataset

    Raises
    ------
    DatasetError
        If it cannot be read, or holds anything but finite numbers; the message names the place.
    """
    options = Options(**options)
    try:
        reader, words = _reader_of(path, options), stand_in(path)
    except OSError as error:
        raise DatasetError(f"{path} cannot be read ({error.strerror})") from error
    if image_kinds.is_matrix_market(path.name):
        raise DatasetError(f"{path}: {image_kinds.MATRIX_MARKET}")
    if reader is None:
        raise DatasetError(f"{path} must be a folder of images, or end in {', '.join(READERS)}")
    taken, kind = OPTIONS.get(reader, OF_ARRAYS)
    if odd := [name for name in options.given if name not in taken]:
        advice = ": folders are its classes" if odd[0] == "label_column" and path.is_dir() else ""
        raise DatasetError(f"--{odd[0]} is not for {kind}, which {path} is{advice}")
    if words:
        raise DatasetError(f"{path} is {words}")
    known = (options.reading or {}).get("text_column")
    if options.text_column is None and known is not None and "text_column" in taken:
        options = dataclasses.replace(options, text_column=known)
    try:
        return checked(reader(path, options), options)
    except DatasetError as error:
        raise DatasetError(f"{path}: {error}") from error
    except Exception as error:  # a parser may raise anything on a damaged file
        for file in path.rglob("*"):  # if it is a folder
            if words := stand_in(file):
                raise DatasetError(f"{file} is {words}") from error
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        advice = ": save numbers, x.astype(float)" if "bject" in reason else ""  # pickles may hold programs
        raise DatasetError(f"{path} cannot be read ({reason}){advice}") from error


def _reader_of(path, options):
    for end, reader in READERS.items():
        if path.name.lower().endswith(end) and path.is_dir() == (end == ".zarr"):
            is_plain = reader is table_files.read_text and path.suffix.lower() not in (".zip", *table_files.PACKED)
            if is_plain and array_files.is_svmlight(path):
                return array_files.read_svmlight
            may_be_texts = path.suffix.lower() == documents.ENDING and options.text_column is None
            return documents.read_lines if may_be_texts and documents.are_lines(path) else reader
    if not path.is_dir():
        return None
    return documents.read_folder if documents.is_of_texts(path) else image_files.read_folder
