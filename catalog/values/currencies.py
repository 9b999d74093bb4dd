"""Currencies by their ISO 4217 codes, their signs and what people call them for short."""

# Active codes of countries.
CODES = frozenset(
    """AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP
    CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF
    IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD
    MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB
    RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD
    UYU UZS VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWG""".split()  # noqa: SIM905 - 150 quoted strings would take 150 lines
)
# ISO 4217's exponents other than two: three digits after a point mean nothing in the first, something in the second.
WHOLE = frozenset(
    {"BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"}
)
THOUSANDTHS = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})
_NAMES = {
    "€": "EUR", "euro": "EUR", "euros": "EUR", "us$": "USD", "$us": "USD", "dollar": "USD", "dollars": "USD",
    "ca$": "CAD", "c$": "CAD", "a$": "AUD", "au$": "AUD", "nz$": "NZD", "hk$": "HKD", "s$": "SGD", "nt$": "TWD",
    "mx$": "MXN", "r$": "BRL", "₹": "INR", "rs.": "INR", "rs": "INR", "₽": "RUB", "руб": "RUB", "руб.": "RUB",
    "р.": "RUB", "р": "RUB", "rur": "RUB", "₴": "UAH", "грн": "UAH", "грн.": "UAH", "₸": "KZT", "тг": "KZT",
    "тг.": "KZT", "тенге": "KZT", "₺": "TRY", "tl": "TRY", "₩": "KRW", "원": "KRW", "₪": "ILS", "₫": "VND", "đ": "VND",
    "₱": "PHP", "฿": "THB", "₦": "NGN", "₾": "GEL", "₼": "AZN", "₡": "CRC", "₲": "PYG", "zł": "PLN", "zl": "PLN",
    "kč": "CZK", "kc": "CZK", "ft": "HUF", "ft.": "HUF", "lei": "RON", "leu": "RON", "лв": "BGN", "лв.": "BGN",
    "ден": "MKD", "ден.": "MKD", "дин": "RSD", "дин.": "RSD", "din": "RSD", "din.": "RSD", "km": "BAM", "sfr.": "CHF",
    "sfr": "CHF", "fr.": "CHF", "rmb": "CNY", "元": "CNY", "円": "JPY", "rp": "IDR", "rp.": "IDR", "rm": "MYR",
    "د.ك": "KWD", "د.ك.": "KWD", "ر.س": "SAR", "ر.س.": "SAR", "﷼": "SAR", "د.إ": "AED", "د.إ.": "AED", "ج.م": "EGP",
    "ج.م.": "EGP", "ر.ق": "QAR", "ر.ق.": "QAR", "ر.ع": "OMR", "ر.ع.": "OMR", "د.ب": "BHD", "د.ب.": "BHD",
}  # fmt: skip
# Signs of several countries: the one meant when nobody says, and the others.
_SHARED: dict[str, tuple[str | None, frozenset[str]]] = {
    "$": (
        "USD",
        frozenset(
            [
                "ARS",
                "AUD",
                "BBD",
                "BMD",
                "BND",
                "BSD",
                "BZD",
                "CAD",
                "CLP",
                "COP",
                "FJD",
                "GYD",
                "HKD",
                "JMD",
                "LRD",
                "MXN",
                "NAD",
                "NZD",
                "SGD",
                "TTD",
                "TWD",
                "UYU",
                "XCD",
            ]
        ),
    ),
    "£": ("GBP", frozenset({"EGP", "FKP", "GIP", "LBP", "SHP", "SYP"})),
    "¥": ("JPY", frozenset({"CNY"})),
    "kr": (None, frozenset({"DKK", "ISK", "NOK", "SEK"})),
    "kr.": (None, frozenset({"DKK", "ISK", "NOK", "SEK"})),
    ":-": (None, frozenset({"NOK", "SEK"})),
}


def is_currency(word: str) -> bool:
    """Whether a word means money, even if it does not say whose."""
    return word.lower() in _NAMES or word.lower() in _SHARED or word.upper() in CODES


def read_currency(text: str, default: str | None = None) -> str | None:
    """The ISO code of a currency's code, sign or name; None when it is none.

    default: the vendor's currency. A sign that several countries use means it if it can, else the best known of them,
    or None ('kr' without a default).
    """
    word = text.strip().lower()
    if word in _SHARED:
        usual, others = _SHARED[word]
        return default if default in others else usual
    return _NAMES.get(word) or (word.upper() if word.upper() in CODES else None)
