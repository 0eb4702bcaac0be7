"""Every error that this package raises on purpose.

    RagFaqError
    ├── SettingsError             a setting that is unknown or has a value that cannot be
    ├── CorpusError               a document that is missing, empty, or not readable text
    ├── ModelError
    │   ├── UnknownModelError     a name that is neither in the catalog nor a file
    │   ├── ModelMissingError     known, but not fetched yet
    │   ├── FetchError            no place could deliver the file
    │   ├── HashMismatchError     the bytes are not the bytes that were promised
    │   └── EngineError           the weights are there and do not load or do not run
    ├── IndexFolderError
    │   ├── IndexMissingError     there is no index in that folder
    │   ├── IndexDamagedError     a file of the index is missing, cut or altered
    │   └── IndexStaleError       whole, but of another corpus, embedder or format
    ├── DiskError                 no space, or no permission to write
    ├── QuestionError             a question that cannot be worked on (empty, far too long)
    ├── CancelledError            the caller asked to stop
    ├── InputFileError            a line of a batch or question file that is malformed
    ├── FeedbackError             the file of feedback cannot be used
    │   └── UnknownAnswerError    feedback on an answer that is not kept
    ├── ServeError                the web server cannot start (port taken)
    └── DeployError               a Space cannot be created or updated

An error says what was found, what was expected where that helps, and the command that mends it.
"""

from __future__ import annotations


class RagFaqError(Exception):
    """Base of all errors of this package.

    `found` says what was found; `expected` and `mend` (a command or an action) are optional.
    """

    def __init__(self, found: str, *, expected: str | None = None, mend: str | None = None) -> None:
        self.found = found
        self.expected = expected
        self.mend = mend
        super().__init__(found)

    def __str__(self) -> str:
        parts = [self.found.rstrip(".") + "."]
        if self.expected:
            parts.append(f"Expected: {self.expected.rstrip('.')}.")
        if self.mend:
            parts.append(f"To mend it: {self.mend}")
        return " ".join(parts)


class SettingsError(RagFaqError):
    """A setting is unknown, or its value cannot be."""


class CorpusError(RagFaqError):
    """A document is missing, empty, or not readable text."""


class ModelError(RagFaqError):
    """Something is wrong with the weights of a model."""


class UnknownModelError(ModelError):
    """The name is neither in the catalog, nor a file, nor `hub:REPO/FILE`."""


class ModelMissingError(ModelError):
    """The model is known, but has not been fetched."""


class FetchError(ModelError):
    """No place could deliver the file."""


class HashMismatchError(ModelError):
    """The bytes are not the bytes that the catalog promises."""


class EngineError(ModelError):
    """The weights are there, and do not load or do not run."""


class IndexFolderError(RagFaqError):
    """Something is wrong with an index folder."""


class IndexMissingError(IndexFolderError):
    """There is no index in that folder."""


class IndexDamagedError(IndexFolderError):
    """A file of the index is missing, cut or altered."""


class IndexStaleError(IndexFolderError):
    """The index is whole, but of another corpus, embedder or format version."""


class DiskError(RagFaqError):
    """No space left, or no permission to write."""


class QuestionError(RagFaqError):
    """The question cannot be worked on: empty, or far too long."""


class CancelledError(RagFaqError):
    """The caller asked to stop."""


class InputFileError(RagFaqError):
    """A line of a batch or question file is malformed."""


class FeedbackError(RagFaqError):
    """The file of feedback is damaged, is no such file, or is of a newer version."""


class UnknownAnswerError(FeedbackError):
    """Feedback on an answer that is not kept (any more)."""


class ServeError(RagFaqError):
    """The web server cannot start."""


class DeployError(RagFaqError):
    """A Space cannot be created or updated."""
