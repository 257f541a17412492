"""Every reader of XML, with documents that were good once: a value or one of its own refusals."""

import importlib
import inspect
import pkgutil
from contextlib import suppress

import pytest
from fuzz import watch
from fuzz.changes import documents
from fuzz.readers import READERS
from hypothesis import given

from ewp import messages


@pytest.mark.parametrize("name", READERS)
def test_a_changed_document_is_read_or_refused(name):
    reader = READERS[name]

    @watch.fuzzing
    @given(documents(reader.documents()))
    def each(document):
        with suppress(*reader.refusals), watch.reading(name):
            reader.read(document)

    each()


@pytest.mark.parametrize("name", READERS)
def test_what_is_changed_is_good_before(name):
    for document in READERS[name].documents():
        READERS[name].read(document)


def test_no_reader_of_messages_is_forgotten():
    """Forms and files are read in `test_texts.py`."""
    found = set()
    for module in pkgutil.iter_modules(messages.__path__):
        code = importlib.import_module(f"ewp.messages.{module.name}")
        found |= {
            f"{module.name}.{name}"
            for name, function in inspect.getmembers(code, inspect.isfunction)
            if name.startswith("read_") and function.__module__ == code.__name__
        }

    assert found - {"monitoring.read_report", "file.read_response"} == {
        name for name in READERS if ".read_" in name
    }
