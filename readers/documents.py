"""Read the user's own texts: a line each, JSON a line, or a folder of text files."""

import json
import os
from pathlib import Path

import numpy as np

from .cells import SOME, may_be_number
from .frames import as_texts, by_name
from .image_files import classes_of
from .samples import DatasetError, classes, listed, notice, or_near, stand_in
from .table_files import opened, opened_as_text
from .table_text import SEPARATORS, encoding_of, first_lines

ENDING = ".txt"
WORDY = 0.3  # share of numbers among the words of a line, at most, of a text


def are_lines(path):
    """Whether a .txt has a text a line, and no table: few numbers, and no separator that makes equally many cells."""
    try:
        with path.open("rb") as file:
            encoding = encoding_of(file, tells=False)
        with opened_as_text(path, encoding) as file:
            lines = [line.strip() for line in first_lines(file) if line.strip()][:SOME]
    except (OSError, DatasetError):
        return False  # whoever reads it says what is wrong
    marks = [mark for mark in SEPARATORS if len(mark) == 1]
    counts = ({line.count(mark) for line in lines} for mark in marks)
    if not lines or any(len(count) == 1 and count != {0} for count in counts):
        return False
    numbers = [np.mean([_is_no_word(word.strip(".,;:()")) for word in line.split()]) for line in lines]
    return float(np.mean(numbers)) <= WORDY


def _is_no_word(text):
    """Whether it may be a number, or has no letter, as times have none."""
    return may_be_number(text) or not any(map(str.isalpha, text))


def read_lines(path, options):
    """Read a .txt with a text a line; empty lines are left out."""
    with path.open("rb") as file:
        encoding = encoding_of(file)
    with opened_as_text(path, encoding) as file:
        texts = [line.strip() for line in file.read().splitlines()]  # of all systems
    kept = [i for i, text in enumerate(texts) if text]
    left_out = []
    if len(kept) < len(texts):
        left_out.append(f"{len(texts) - len(kept):,} empty lines")
        notice(f"empty lines are left out: {len(texts) - len(kept):,} of {len(texts):,}")
    return as_texts([texts[i] for i in kept], left_out=left_out, lines=np.array(kept, int) + 1)


def read_jsonl(path, options):
    """Read a file with a JSON object a line, of which a field is the text, and others may be its name and class.

    What is left is `beside`, without fields that hold lists or objects.

    Raises
    ------
    DatasetError
        If a line is no JSON object, or lacks a field: the message names both.
    """
    import pandas as pd

    with opened(path) as file:
        encoding = encoding_of(file)
    wanted = {"text_column": options.text_column, "label_column": options.label_column, "id_column": options.id_column}
    wanted = {flag: field for flag, field in wanted.items() if field is not None}
    if len(set(wanted.values())) < len(wanted):
        raise DatasetError(f"{listed(f'--{flag}' for flag in wanted)} must be different fields")
    with opened_as_text(path, encoding) as file:
        objects = [(number, _object(number, line)) for number, line in _lines(file, SOME)]
    if not objects:
        raise DatasetError("it is empty")
    if "text_column" not in wanted:
        wanted["text_column"] = _only_text([one for _, one in objects], set(wanted.values()))
    columns, numbers, others, nested = {flag: [] for flag in wanted}, [], [], set()
    with opened_as_text(path, encoding) as file:
        for number, line in _lines(file):
            one = _object(number, line)
            numbers.append(number)
            for flag, field in wanted.items():
                if field not in one:
                    raise DatasetError(f"line {number} has no field {field} ({or_near(field, one)})")
                columns[flag].append(_as_text(number, field, one[field]))
            nested.update(field for field, value in one.items() if isinstance(value, list | dict))
            of_line = {field: None if field in nested else value for field, value in one.items()}
            others.append({field: value for field, value in of_line.items() if field not in wanted.values()})
    y, label_names = (None, ()) if "label_column" not in wanted else classes(columns["label_column"], len(numbers))
    names = tuple(columns["id_column"]) if "id_column" in wanted else None
    frame, left_out = pd.DataFrame(others, dtype=object), []
    if frame.shape[1]:
        left_out.append(f"field {listed(frame)}")
        notice(f"texts are clustered by their words alone, without field {listed(frame)}")
    beside = by_name(frame.loc[:, ~frame.columns.isin(nested)])
    reading = {"text_column": wanted["text_column"]}
    texts = columns["text_column"]
    return as_texts(texts, y, label_names, names, left_out, np.array(numbers), reading, beside)


def _lines(file, most=None):
    """Yield the lines that are not empty, with their numbers from 1."""
    n_yielded = 0
    for number, line in enumerate(file, start=1):
        if line.strip():
            yield number, line
            n_yielded += 1
            if n_yielded == most:
                return


def _object(number, line):
    try:
        one = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DatasetError(f"line {number} is no JSON ({error})") from error
    if not isinstance(one, dict):
        raise DatasetError(f"line {number} is no JSON object, which has fields with names, but {listed([line[:40]])}")
    return one


def _as_text(number, field, value):
    if isinstance(value, (list, dict)):
        raise DatasetError(f"line {number}: field {field} must be a text, got {listed([json.dumps(value)[:40]])}")
    return "" if value is None else str(value)


def _only_text(objects, taken):
    """Return the only field whose values are texts."""
    fields = [field for field in objects[0] if field not in taken]
    texts = [field for field in fields if all(isinstance(one.get(field, ""), str) for one in objects)]
    if len(texts) == 1:
        return texts[0]
    if not texts:
        raise DatasetError(f"no field is a text: give --text_column (there: {listed(fields) or 'no field'})")
    n_words = {field: np.mean([len(one.get(field, "").split()) for one in objects]) for field in texts}
    longest = max(n_words, key=n_words.get)
    raise DatasetError(f"several fields are texts ({listed(texts)}): give --text_column={longest}, or another")


def read_folder(folder, options):
    """Read the .txt files in a folder and its subfolders, a text each; each subfolder is a class.

    Raises
    ------
    DatasetError
        If there are none, or it cannot be told whether folders are classes; with `strict` if one cannot be read.
    """
    files, left_out = found(folder)
    labels = classes_of([file.relative_to(folder).parts for file in files], "texts")
    texts, broken, n_other = [], {}, 0
    for file in files:
        try:
            if words := stand_in(file):
                raise DatasetError(words)
            with file.open("rb") as opened_file:
                encoding = encoding_of(opened_file, tells=False)
            with opened_as_text(file, encoding) as opened_file:
                texts.append(opened_file.read())
            n_other += encoding == "cp1252"
        except (OSError, DatasetError, UnicodeError) as error:
            broken[file] = getattr(error, "strerror", None) or str(error)
    if broken and (options.strict or not texts):
        file, reason = next(iter(broken.items()))
        raise DatasetError(f"{file} cannot be read ({reason})")
    if broken:
        left_out.append(f"{len(broken):,} texts that cannot be read")
        notice(f"texts that cannot be read are left out: {listed(f'{f.name} ({e})' for f, e in broken.items())}")
    if n_other:
        notice(f"{n_other:,} texts are not in UTF-8: read as Windows-1252, which is Latin-1 and more")
    kept = [i for i, file in enumerate(files) if file not in broken]
    y, label_names = (None, ()) if labels is None else classes([labels[i] for i in kept], len(kept))
    names = tuple(str(files[i].relative_to(folder)) for i in kept)
    return as_texts(texts, y, label_names, names, left_out)


def found(folder):
    """Find the .txt files below a folder; return them sorted, with a description of what is left out."""
    files, others, hidden = [], [], 0
    for where, folders, names in os.walk(folder):
        folders.sort()
        parts = Path(where).relative_to(folder).parts
        for name in names:
            if any(part.startswith((".", "__MACOSX")) for part in (*parts, name)):
                hidden += 1
            elif name.lower().endswith(ENDING):
                files.append(Path(where) / name)
            else:
                others.append(name)
    left_out = [f"{hidden:,} hidden files"] if hidden else []
    if others:
        left_out.append(f"{len(others):,} files that are no texts ({listed(others)})")
        notice(f"files that are no .txt are passed over: {listed(others)}")
    return sorted(files), left_out


def is_of_texts(folder):
    """Whether a folder, or one in it, has .txt files, and no file that is an image."""
    from .image_kinds import endings

    has_texts = False
    for _, _, names in os.walk(folder):
        names = [name.lower() for name in names if not name.startswith(".")]
        if any(name.endswith(endings()) for name in names):
            return False
        has_texts = has_texts or any(name.endswith(ENDING) for name in names)
    return has_texts
