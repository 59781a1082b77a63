"""What a file is, by the ending of its name: the same on every machine."""

import mimetypes
from collections.abc import Mapping

# What Python does not know, or not in every version; the first is the one that is sent. The others
# are written for it, and mean the same.
TYPES: Mapping[str, tuple[str, ...]] = {
    ".3gp": ("video/3gpp", "audio/3gpp"),
    ".7z": ("application/x-7z-compressed",),
    ".aac": ("audio/aac",),
    ".avif": ("image/avif",),
    ".bmp": ("image/bmp", "image/x-ms-bmp", "image/x-bmp"),
    ".csv": ("text/csv", "application/csv", "text/x-csv"),
    ".docx": ("application/vnd.openxmlformats-officedocument.wordprocessingml.document",),
    ".eml": ("message/rfc822",),
    ".epub": ("application/epub+zip",),
    ".gz": ("application/gzip", "application/x-gzip"),
    ".heic": ("image/heic", "image/heif"),
    ".heif": ("image/heif", "image/heic"),
    ".ics": ("text/calendar", "application/ics"),
    ".jpeg": ("image/jpeg", "image/jpg", "image/pjpeg"),
    ".jpg": ("image/jpeg", "image/jpg", "image/pjpeg"),
    ".js": ("text/javascript", "application/javascript", "application/x-javascript"),
    ".json": ("application/json", "text/json"),
    ".key": ("application/vnd.apple.keynote",),
    ".m4a": ("audio/mp4", "audio/x-m4a", "audio/m4a"),
    ".md": ("text/markdown", "text/x-markdown"),
    ".mp3": ("audio/mpeg", "audio/mp3"),
    ".numbers": ("application/vnd.apple.numbers",),
    ".odp": ("application/vnd.oasis.opendocument.presentation",),
    ".ods": ("application/vnd.oasis.opendocument.spreadsheet",),
    ".odt": ("application/vnd.oasis.opendocument.text",),
    ".ogg": ("audio/ogg", "application/ogg", "video/ogg"),
    ".pages": ("application/vnd.apple.pages",),
    ".pdf": ("application/pdf", "application/x-pdf"),
    ".png": ("image/png", "image/x-png"),
    ".pptx": ("application/vnd.openxmlformats-officedocument.presentationml.presentation",),
    ".rar": ("application/vnd.rar", "application/x-rar-compressed", "application/x-rar"),
    ".rtf": ("application/rtf", "text/rtf"),
    ".svg": ("image/svg+xml",),
    ".tgz": ("application/gzip", "application/x-gzip", "application/x-compressed-tar"),
    ".tif": ("image/tiff",),
    ".vcf": ("text/vcard", "text/x-vcard", "text/directory"),
    ".wav": ("audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave"),
    ".webm": ("video/webm", "audio/webm"),
    ".webp": ("image/webp",),
    ".xlsx": ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",),
    ".xml": ("application/xml", "text/xml"),
    ".yaml": ("application/yaml", "text/yaml", "application/x-yaml"),
    ".zip": ("application/zip", "application/x-zip-compressed", "application/x-zip"),
}
# Python's own list, without what this machine may know beside it.
PYTHONS = mimetypes.MimeTypes().types_map[True]


def types_of_name(filename: str) -> tuple[str, ...]:
    """Returns what a name says that a file is; nothing where it ends like no known one."""
    stem, dot, ending = filename.strip().lower().rpartition(".")
    suffix = f".{ending}"
    if not stem or not dot:
        return ()
    if suffix in TYPES:
        return TYPES[suffix]
    return (PYTHONS[suffix],) if suffix in PYTHONS else ()


def type_of_name(filename: str) -> str:
    """Returns the usual word for what a name says that a file is; blank where it says nothing."""
    return next(iter(types_of_name(filename)), "")
