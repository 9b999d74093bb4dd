"""Whether a product can be bought, from the words, signs and numbers vendors use for it."""

import re
from collections.abc import Callable

STATES = ("in_stock", "out_of_stock", "preorder", "backorder", "discontinued")
# Letters and digits only, lower case. schema.org's names stand among them without their address.
_WORDS = {
    "in_stock": """instock available availablenow instoreonly onlineonly limitedavailability lowstock yes y true t on
        oui si sí sim ja jawohl tak ano áno evet igen da да так есть є
        vorrätig auflager lieferbar sofortlieferbar verfügbar sofortverfügbar enstock disponible disponibile disponível
        disponivel disponibil emestoque enexistencia instoc skladem naskladě nasklade skladom dostępny dostępne dostępna
        wmagazynie nastanie raktáron készleten вналичии естьвналичии наскладе естьнаскладе внаявності євнаявності
        єнаскладі pålager pálager påvejhjem ilager finnsilager saatavilla varastossa opvoorraad leverbaar
        stokta stoktavar mevcut var dostupno nalageru naskladištu ναι διαθέσιμο σεαπόθεμα
        有货 有貨 现货 在庫あり 재고있음 متوفر متاح موجود""",
    "out_of_stock": """outofstock soldout unavailable notavailable nostock no n false f off
        non nein não nao nie ne nej nee hayır nem нет ні нема немає
        ausverkauft nichtvorrätig nichtauflager nichtlieferbar nichtverfügbar agotado sinstock sinexistencias nodisponible
        épuisé epuise rupture rupturedestock enrupturedestock indisponible indisponibil stocepuizat esaurito nondisponibile
        esgotado semestoque indisponível indisponivel vyprodáno vyprodané nenískladem nenískladom nieskladom niedostępny
        niedostępne niedostępna brak brakwmagazynie elfogyott nincsraktáron нетвналичии отсутствует законился
        відсутній відсутня немаєвнаявності закінчився uitverkocht nietopvoorraad slutsåld slut udsolgt utsolgt
        loppuunmyyty tükendi stoktayok yok rasprodato nijedostupno nemanastanju εξαντλημένο
        缺货 缺貨 售罄 在庫なし 品切れ 품절 غيرمتوفر نفد نفدتالكمية""",
    "preorder": """preorder presale preorderonly vorbestellbar vorbestellung précommande precommande preventa prereserva
        prenotabile preordine prevendita prévenda prévendas prevenda předobjednávka predobjednávka przedsprzedaż előrendelés
        предзаказ попереднєзамовлення förhandsbokning forudbestilling ennakkotilaus önsipariş 预售 予約受付中""",
    "backorder": """backorder backordered onbackorder availablefororder onorder madetoorder toorder aufbestellung
        nachbestellt bestellbar surcommande bajopedido sobencomenda suordinazione ordinabile naobjednávku
        nazamówienie rendelésre подзаказ назаказ підзамовлення beställningsvara bestillingsvare opbestelling sipariş""",
    "discontinued": """discontinued endoflife eol retired obsolete ausgelaufen abgekündigt auslaufartikel nichtmehrlieferbar
        descatalogado descontinuado fuoriproduzione oldarticle oldproduct discontinué arrêté ukončeno ukončené wycofany wycofane kifutott
        снятспроизводства снятзпродажу знятозвиробництва utgått udgået poistunut 停产 生産終了""",
}
_KNOWN = {word: state for state, words in _WORDS.items() for word in words.split()}
_ADDRESS = re.compile(r"^(?:https?://)?(?:www\.)?schema\.org/", re.IGNORECASE)
# Units of pieces only: "24 h" and "5 days" are delivery times.
_PIECES = "pcs|pc|pieces?|items?|units?|uds?|un|left|in stock|stk|stück|st|ks|szt|шт|штук|pz|pzas?|db|adet|τεμ|个|件"
_COUNT = re.compile(rf"([<>≥≤~+]?)\s*(-?\d{{1,9}})(?:[.,]\d{{1,4}})?\s*\+?\s*(?:(?:{_PIECES})\.?)?", re.IGNORECASE)
# Of a shop that counts its stock or not: who counts, how many there are, what happens when there is none.
_COUNTED = re.compile(r"(?:([a-z][\w-]*) )?(?:(-?\d{1,9}) )?(deny|continue)", re.IGNORECASE)
_DAYS = re.compile(r"(\d{1,3})(?:\s*[-–]\s*\d{1,3})?")
_DATE = re.compile(r"\d{4}-\d\d-\d\d(?:[ T].*)?")
_BEST = ("in_stock", "preorder", "backorder", "out_of_stock", "discontinued")  # what a product of several variants is
_BETWEEN = re.compile(r"[\W_]+")


def read_availability(text: str, numbers: str = "stock") -> str | None:
    """One of `STATES`, or None when the text says none of them. Of several, with a comma and a space between, the best.

    numbers: what a number is. `stock`, a quantity: above nothing is in stock. `days` until it is sent: none is in stock,
    more are to order, and a date is the day from which it is sold.
    """
    read = _in_days if numbers == "days" else _in_pieces
    state = _one(text, read)
    if state is None and ", " in text:
        states = {_one(part, read) for part in text.split(", ")}
        return None if None in states else min(filter(None, states), key=_BEST.index)
    return state


def says_availability(text: str) -> bool:
    """False for what a shop says of its stock where it does not say how many there are: then nothing is known."""
    found = _COUNTED.fullmatch(text.partition(", ")[0].strip())
    return found is None or found[2] is not None


def _one(text: str, read: Callable[[str], str | None]) -> str | None:
    key = _BETWEEN.sub("", _ADDRESS.sub("", text.strip()).casefold())
    return _KNOWN[key] if key in _KNOWN else read(text.strip())


def _in_pieces(text: str) -> str | None:
    if counted := _COUNTED.fullmatch(text):
        if counted[2] is None:
            return None
        if counted[1] is None or int(counted[2]) > 0:  # a shop that does not count always sells
            return "in_stock"
        return "backorder" if counted[3].lower() == "continue" else "out_of_stock"
    count = _COUNT.fullmatch(text)
    if count is None:
        return None
    number = int(count.group(2))
    few = count.group(1) in ("<", "≤") and number <= 1  # fewer than one
    return "in_stock" if number > 0 and not few else "out_of_stock"


def _in_days(text: str) -> str | None:
    if days := _DAYS.fullmatch(text):
        return "in_stock" if int(days[1]) == 0 else "backorder"
    return "preorder" if _DATE.fullmatch(text) else None
