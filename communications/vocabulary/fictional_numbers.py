"""Numbers that regulators keep for films and examples: nobody ever has them.

Each with where it says so. Demonstrations and tests use them.
"""

import re

# Country code and national number, of mobiles and where mobiles and landlines share their numbers.
MOBILES = (
    # Ofcom, "Numbers for drama use":
    # https://www.ofcom.org.uk/phones-and-broadband/phone-numbers/numbers-for-drama
    r"\+447700900\d{3}",
    # Arcep, décision n° 2018-0881 (plan national de numérotation), numbers for audiovisual works.
    r"\+3363998\d{4}",
    # ComReg, "Numbering Conditions of Use and Application Process", drama numbers.
    r"\+3532091\d{5}",
    # ACMA, "Phone numbers for use in TV shows, films and creative works":
    # https://www.acma.gov.au/phone-numbers-use-tv-shows-films-and-creative-works
    r"\+61491570(?:006|110|15[6-9])",
    # The North American Numbering Plan's 555-0100 to 555-0199: https://www.nanpa.com
    r"\+1[2-9]\d{2}55501\d{2}",
)
# What no mobile has, of the same sources, by what it is called in a sentence.
FIXED = {
    "a landline": (
        r"\+441632960\d{3}",
        r"\+441(?:1[3-8]|[2-6]1)4960\d{3}",
        r"\+442079460\d{3}",
        r"\+441914980\d{3}",
        r"\+442896496\d{3}",
        r"\+442920180\d{3}",
        r"\+33(?:19900|26191|35301|46571|53649)\d{4}",
        r"\+61[2378](?:5550|7010)\d{4}",
    ),
    "a freephone number": (r"\+448081570\d{3}",),
    "a premium-rate number": (r"\+449098790\d{3}",),
    "a company's number for calls": (r"\+443069990\d{3}",),
}
FICTIONAL_MOBILE = re.compile("|".join(MOBILES))
FICTIONAL_FIXED = {label: re.compile("|".join(forms)) for label, forms in FIXED.items()}


def is_fictional(value: str) -> bool:
    """Returns whether a regulator keeps a number in E.164 for fiction."""
    return bool(FICTIONAL_MOBILE.fullmatch(value) or label_of_fixed(value))


def label_of_fixed(value: str) -> str:
    """Returns what a number of fiction is called that no mobile has; blank for all others."""
    return next((label for label, forms in FICTIONAL_FIXED.items() if forms.fullmatch(value)), "")
