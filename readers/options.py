"""Options for reading the user's own files."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Options:
    """How to read the user's own files.

    Attributes
    ----------
    label_column : str or None
        Name, or number from 0, of a table's column with the classes; of .h5ad a name in `obs`; of a file of several
        arrays the name of one.
    id_column : str or None
        Name, or number from 0, of a table's column with the names of the samples.
    text_column : str or None
        Name, or number from 0, of a table's column of texts, which are clustered; of a file of JSON lines a field,
        which need not be named if it is the only text.
    drop : tuple of str
        Names, or numbers from 0, of a table's columns that are left out.
    header : {'auto', 'yes', 'no'}
        Whether the first line of a table names its columns.
    decimal : {'.', ','} or None
        The decimal mark of a table in text; None is the one with which most cells are numbers.
    categorical : {'onehot'} or None
        What to do with columns of words or of yes and no: None refuses them, 'onehot' makes a column of 0 and 1 for
        each word.
    missing : {'median'} or None
        What to do with missing values: None refuses them, 'median' fills in the median of their column.
    sheet : str or None
        Name of a workbook's sheet; None is the first.
    layer, obsm : str or None
        Names of the layer, or of the embedding, of annotated data that has the samples; None is its X.
    array : str or None
        Name of the array with the samples, of a file with several; None is x, X, data, or the only one.
    image_size : tuple of int or None
        (height, width) that the images of a folder are resized to. None: the size that they have, or if they have
        several, that of most of them, or their median up to 64 pixels a side.
    grayscale : bool
        Read the images of a folder without their colours.
    features : str or None
        Network whose features of pictures or texts are clustered, see `features.images` and `features.texts`; None is
        the pixels.
    features_weights : path-like or None
        File with the network's weights; None are those that are published.
    strict : bool
        Refuse a folder in which an image cannot be read, instead of leaving it out.
    reading : dict or None
        How the samples of a model were read, see `samples.settled`, if these are new points for it.
    """

    label_column: str | None = None
    id_column: str | None = None
    text_column: str | None = None
    drop: tuple = ()
    header: str = "auto"
    decimal: str | None = None
    categorical: str | None = None
    missing: str | None = None
    sheet: str | None = None
    layer: str | None = None
    obsm: str | None = None
    array: str | None = None
    image_size: tuple | None = None
    grayscale: bool = False
    features: str | None = None
    features_weights: str | None = None
    strict: bool = False
    reading: dict | None = None

    @property
    def network(self):
        """The network whose features are clustered: of a model's samples, the model's; None is the pixels."""
        return ((self.reading or {}).get("features") or {}).get("network", self.features)

    @property
    def given(self):
        """Names of the options that the user gave, which are those that differ from their defaults."""
        fields = [field for field in dataclasses.fields(self) if field.name != "reading"]
        return [field.name for field in fields if getattr(self, field.name) != field.default]
