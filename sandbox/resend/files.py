"""What Resend does with attachments that it took: it looks at them when the mail is to leave.

A mail whose file is named like one kind and declared as another stays queued for ever, without a
word: https://github.com/anymail/django-anymail/issues/440. Where nothing is declared, the name
decides: https://resend.com/docs/api-reference/emails/send-email
"""

import mimetypes

from .mail import Attachment

ANY_TYPE = "application/octet-stream"
# Python's own list, the same on every machine, and what it lacks of the media types that are
# registered: https://www.iana.org/assignments/media-types
KNOWN = {
    **mimetypes.MimeTypes().types_map[True],
    ".3gp": "video/3gpp",
    ".7z": "application/x-7z-compressed",
    ".apk": "application/vnd.android.package-archive",
    ".bmp": "image/bmp",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".dwg": "image/vnd.dwg",
    ".dxf": "image/vnd.dxf",
    ".epub": "application/epub+zip",
    ".gz": "application/gzip",
    ".heic": "image/heic",
    ".heif": "image/heif",
    ".ics": "text/calendar",
    ".key": "application/vnd.apple.keynote",
    ".log": "text/plain",
    ".m4a": "audio/mp4",
    ".md": "text/markdown",
    ".msg": "application/vnd.ms-outlook",
    ".numbers": "application/vnd.apple.numbers",
    ".odp": "application/vnd.oasis.opendocument.presentation",
    ".ods": "application/vnd.oasis.opendocument.spreadsheet",
    ".odt": "application/vnd.oasis.opendocument.text",
    ".ogg": "audio/ogg",
    ".pages": "application/vnd.apple.pages",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ".psd": "image/vnd.adobe.photoshop",
    ".rar": "application/vnd.rar",
    ".rtf": "application/rtf",
    ".vcf": "text/vcard",
    ".wav": "audio/wav",
    ".webp": "image/webp",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".xml": "application/xml",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
}
# Types that are written for one another.
SAME = {
    "image/jpg": "image/jpeg",
    "text/xml": "application/xml",
    "application/x-pdf": "application/pdf",
    "audio/x-wav": "audio/wav",
}
# What Resend sends by no name, whatever is inside:
# https://resend.com/docs/knowledge-base/what-attachment-types-are-not-supported
UNSUPPORTED_ENDINGS = """
adp app asp bas bat cer chm cmd com cpl crt csh der exe fxp gadget hlp hta inf ins isp its js jse
ksh lib lnk mad maf mag mam maq mar mas mat mau mav maw mda mdb mde mdt mdw mdz msc msh msh1 msh2
mshxml msh1xml msh2xml msi msp mst ops pcd pif plg prf prg reg scf scr sct shb shs sys ps1 ps1xml
ps2 ps2xml psc1 psc2 tmp url vb vbe vbs vps vsmacros vss vst vsw vxd ws wsc wsf wsh xnk
"""
UNSUPPORTED = frozenset(f".{ending}" for ending in UNSUPPORTED_ENDINGS.split())


def type_by_name(filename: str) -> str:
    """What Resend derives from a name."""
    return KNOWN.get(_ending(filename), ANY_TYPE)


def is_never_sent(attachment: Attachment) -> bool:
    """Whether a mail with it stays queued."""
    ending = _ending(attachment.filename or "")
    if ending in UNSUPPORTED:
        return True
    declared = attachment.content_type.partition(";")[0].strip().lower()
    return ending in KNOWN and _one_name(KNOWN[ending]) != _one_name(declared)


def _ending(filename: str) -> str:
    _, dot, ending = filename.strip().lower().rpartition(".")
    return f".{ending}" if dot else ""


def _one_name(kind: str) -> str:
    return SAME.get(kind, kind)
