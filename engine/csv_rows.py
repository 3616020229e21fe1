"""CSV text as rows that know their line. Knows nothing of what the cells mean, and shows none of them: one may be a key."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator

from engine.errors import ConfigError


def read_rows(where: str, text: str) -> tuple[list[str], Iterator[tuple[int, dict[str, str]]]]:
    """The header, and each row with its line number and its cells by column; blank rows and blank cells are left out.

    Raises:
        ConfigError: naming the line; also while the rows are iterated over.
    """
    cells = _read_cells(where, text)
    line, header = next(cells, (1, []))
    for number, column in enumerate(header, start=1):
        if not column or column in header[: number - 1]:
            what = "has no name" if not column else "has the name of another one"
            raise ConfigError(f"{where}: line {line}: column {number} {what}; the first line names each column once")
    return header, _read_rows(where, header, cells)


def _read_rows(where: str, header: list[str], cells: Iterable[tuple[int, list[str]]]) -> Iterator[tuple[int, dict[str, str]]]:
    for line, row in cells:
        if len(row) != len(header):
            raise ConfigError(
                f"{where}: line {line} has {len(row)} cells, and the first line names {len(header)} columns; "
                "leave a cell blank instead of leaving it out"
            )
        yield line, {column: cell for column, cell in zip(header, row, strict=True) if cell}


def _read_cells(where: str, text: str) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not blank, their cells without the white space around them."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, skipinitialspace=True)
    while True:
        try:
            row = next(reader, None)
        except csv.Error as error:
            # The parser's own words name no cell.
            raise ConfigError(f"{where}: line {reader.line_num} is not valid CSV: {error}; check its quotes") from error
        if row is None:
            return
        if any("\n" in cell or "\r" in cell for cell in row):
            raise ConfigError(f"{where}: line {reader.line_num} ends a cell that began on another line; check the quotes")
        cells = [cell.strip() for cell in row]
        if any(cells):
            yield reader.line_num, cells
