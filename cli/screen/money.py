"""An amount of minor units as people write it: with the currency's fraction, in the manner of a language."""

from __future__ import annotations

from typing import Final, Literal

Lang = Literal["en", "vi"]

# Digits of the fraction after ISO 4217, by the currencies that have them; all others have two.
_FRACTIONS: Final = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMN TND",
}
_FRACTION_DIGITS: Final = {
    currency: digits for digits, currencies in _FRACTIONS.items() for currency in currencies.split()
}
_COMMA_AND_POINT: Final = str.maketrans(",.", ".,")


def number(value: int, lang: Lang) -> str:
    """Return a whole number with its thousands set apart."""
    return _in_manner_of(f"{value:,}", lang)


def money(value: int, currency: str, lang: Lang) -> str:
    """Return *value* minor units of *currency*."""
    digits = _FRACTION_DIGITS.get(currency, 2)
    whole, rest = divmod(value, 10**digits)
    written = f"{whole:,}" + (f".{rest:0{digits}}" if rest else "")
    return f"{_in_manner_of(written, lang)} {'đ' if (currency, lang) == ('VND', 'vi') else currency}"


def in_english(value: int, currency: str) -> str:
    """Return *value* minor units of *currency* as English has it."""
    return money(value, currency, "en")


def _in_manner_of(written: str, lang: Lang) -> str:
    return written.translate(_COMMA_AND_POINT) if lang == "vi" else written
