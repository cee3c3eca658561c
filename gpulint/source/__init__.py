"""Files → documents with positions. Knows YAML and the layout of repositories, nothing of Kubernetes semantics."""

from gpulint.source.changes import Changes, UnknownRevisionError, changes_since
from gpulint.source.compose import MAX_NESTING, ProblemKind, SourceProblem
from gpulint.source.discovery import Input, discover
from gpulint.source.document import Document, Embedded, Source
from gpulint.source.loading import Loaded, fingerprint, load, read, read_stdin
from gpulint.source.roles import Role
from gpulint.source.scan import GPU_MARKERS, STRUCTURAL_KINDS
from gpulint.source.shell import ShellCommand, Word, shell_commands
from gpulint.source.spans import Path, Token
from gpulint.source.text import MAX_BYTES, read_text, rewrite

__all__ = [
    "GPU_MARKERS",
    "MAX_BYTES",
    "MAX_NESTING",
    "STRUCTURAL_KINDS",
    "Changes",
    "Document",
    "Embedded",
    "Input",
    "Loaded",
    "Path",
    "ProblemKind",
    "Role",
    "ShellCommand",
    "Source",
    "SourceProblem",
    "Token",
    "UnknownRevisionError",
    "Word",
    "changes_since",
    "discover",
    "fingerprint",
    "load",
    "read",
    "read_stdin",
    "read_text",
    "rewrite",
    "shell_commands",
]
