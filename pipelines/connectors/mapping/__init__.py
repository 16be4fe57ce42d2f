"""Mappings: one SQL file each that says how foreign rows become canonical records.

Applied to files (`open_files`) and to the messages of a bound topic (`LiveTranslator`). The form of
the file is described in `docs/mappings.md`.
"""

from pipelines.connectors.mapping.files import MappedFiles, MappedRecord, TimeSpan, check_files, open_files
from pipelines.connectors.mapping.library import load_mapping, mapping_names, mapping_text
from pipelines.connectors.mapping.live import LiveTranslator, translate
from pipelines.connectors.mapping.spec import Mapping
from pipelines.connectors.mapping.target import FileReport

__all__ = [
    "FileReport",
    "LiveTranslator",
    "MappedFiles",
    "MappedRecord",
    "Mapping",
    "TimeSpan",
    "check_files",
    "load_mapping",
    "mapping_names",
    "mapping_text",
    "open_files",
    "translate",
]
