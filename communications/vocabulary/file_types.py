"""What a file is, by the ending of its name: the same on every machine."""

import mimetypes
from collections.abc import Mapping

# What Python does not know, or not in every version; the first is the one that is sent. The others
# are written for it, and mean the same.
TYPES: Mapping[str, tuple[str, ...]] = {
    ".3gp": ("video/3gpp", "audio/3gpp"),
    ".7z": ("application/x-7z-compressed",),
    ".aac": ("audio/aac",),
    ".apk": ("application/vnd.android.package-archive",),
    ".avif": ("image/avif",),
    ".bmp": ("image/bmp", "image/x-ms-bmp", "image/x-bmp"),
    ".csv": (
        "text/csv",
        "application/csv",
        "text/x-csv",
        "application/vnd.ms-excel",
    ),
    ".docx": ("application/vnd.openxmlformats-officedocument.wordprocessingml.document",),
    ".dwg": (
        "image/vnd.dwg",
        "application/acad",
        "application/x-acad",
        "image/x-dwg",
    ),
    ".dxf": (
        "image/vnd.dxf",
        "application/dxf",
        "image/x-dxf",
    ),
    ".eml": ("message/rfc822",),
    ".epub": ("application/epub+zip",),
    ".gz": ("application/gzip", "application/x-gzip"),
    ".heic": ("image/heic", "image/heif"),
    ".heif": ("image/heif", "image/heic"),
    ".ics": ("text/calendar", "application/ics"),
    ".jpeg": ("image/jpeg", "image/jpg", "image/pjpeg"),
    ".jpg": ("image/jpeg", "image/jpg", "image/pjpeg"),
    ".json": ("application/json", "text/json"),
    ".key": ("application/vnd.apple.keynote",),
    ".log": (
        "text/plain",
        "text/x-log",
    ),
    ".m4a": ("audio/mp4", "audio/x-m4a", "audio/m4a"),
    ".md": (
        "text/markdown",
        "text/x-markdown",
        "text/plain",
    ),
    ".mov": ("video/quicktime",),
    ".mp3": ("audio/mpeg", "audio/mp3"),
    ".msg": ("application/vnd.ms-outlook",),
    ".numbers": ("application/vnd.apple.numbers",),
    ".odp": ("application/vnd.oasis.opendocument.presentation",),
    ".ods": ("application/vnd.oasis.opendocument.spreadsheet",),
    ".odt": ("application/vnd.oasis.opendocument.text",),
    ".ogg": ("audio/ogg", "application/ogg", "video/ogg"),
    ".pages": ("application/vnd.apple.pages",),
    ".pdf": ("application/pdf", "application/x-pdf"),
    ".png": ("image/png", "image/x-png"),
    ".pptx": ("application/vnd.openxmlformats-officedocument.presentationml.presentation",),
    ".psd": (
        "image/vnd.adobe.photoshop",
        "application/x-photoshop",
        "image/x-psd",
    ),
    ".rar": ("application/vnd.rar", "application/x-rar-compressed", "application/x-rar"),
    ".rtf": (
        "application/rtf",
        "text/rtf",
        "application/msword",
    ),
    ".svg": ("image/svg+xml",),
    ".tgz": ("application/gzip", "application/x-gzip", "application/x-compressed-tar"),
    ".tif": ("image/tiff",),
    ".vcf": ("text/vcard", "text/x-vcard", "text/directory"),
    ".wav": ("audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave"),
    ".webm": ("video/webm", "audio/webm"),
    ".webp": ("image/webp",),
    ".xls": (
        "application/vnd.ms-excel",
        "application/msexcel",
        "application/x-msexcel",
    ),
    ".xlsx": ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",),
    ".xml": ("application/xml", "text/xml"),
    ".yaml": (
        "application/yaml",
        "text/yaml",
        "application/x-yaml",
        "text/plain",
    ),
    ".yml": (
        "application/yaml",
        "text/yaml",
        "application/x-yaml",
        "text/plain",
    ),
    ".zip": ("application/zip", "application/x-zip-compressed", "application/x-zip"),
}
# Python's own list, without what this machine may know beside it.
PYTHONS = mimetypes.MimeTypes().types_map[True]
# What Resend sends by no name, whatever is inside:
# https://resend.com/docs/knowledge-base/what-attachment-types-are-not-supported
UNSENDABLE_ENDINGS = """
adp app asp bas bat cer chm cmd com cpl crt csh der exe fxp gadget hlp hta inf ins isp its js jse
ksh lib lnk mad maf mag mam maq mar mas mat mau mav maw mda mdb mde mdt mdw mdz msc msh msh1 msh2
mshxml msh1xml msh2xml msi msp mst ops pcd pif plg prf prg reg scf scr sct shb shs sys ps1 ps1xml
ps2 ps2xml psc1 psc2 tmp url vb vbe vbs vps vsmacros vss vst vsw vxd ws wsc wsf wsh xnk
"""
UNSENDABLE = frozenset(f".{ending}" for ending in UNSENDABLE_ENDINGS.split())


def ending_of(filename: str) -> str:
    """Returns the ending of a name, with its dot, in small letters; blank where there is none."""
    stem, dot, ending = filename.strip().rstrip(" .").lower().rpartition(".")
    return f".{ending}" if dot and stem else ""


def types_of_name(filename: str) -> tuple[str, ...]:
    """Returns what a name says that a file is; nothing where it ends like no known one."""
    ending = ending_of(filename)
    if ending in TYPES:
        return TYPES[ending]
    return (PYTHONS[ending],) if ending in PYTHONS else ()


def type_of_name(filename: str) -> str:
    """Returns the usual word for what a name says that a file is; blank where it says nothing."""
    return next(iter(types_of_name(filename)), "")
