"""Whether a product can be bought, from the words, signs and numbers vendors use for it."""

import re

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
        descatalogado descontinuado fuoriproduzione discontinué arrêté ukončeno ukončené wycofany wycofane kifutott
        снятспроизводства снятзпродажу знятозвиробництва utgått udgået poistunut 停产 生産終了""",
}
_KNOWN = {word: state for state, words in _WORDS.items() for word in words.split()}
_ADDRESS = re.compile(r"^(?:https?://)?(?:www\.)?schema\.org/", re.IGNORECASE)
# Units of pieces only: "24 h" and "5 days" are delivery times.
_PIECES = "pcs|pc|pieces?|items?|units?|uds?|un|left|in stock|stk|stück|st|ks|szt|шт|штук|pz|pzas?|db|adet|τεμ|个|件"
_COUNT = re.compile(rf"([<>≥≤~+]?)\s*(-?\d{{1,9}})(?:[.,]\d{{1,4}})?\s*\+?\s*(?:(?:{_PIECES})\.?)?", re.IGNORECASE)
_BETWEEN = re.compile(r"[\W_]+")


def read_availability(text: str) -> str | None:
    """One of `STATES`, or None when the text says none of them; a number is a quantity: above nothing is in stock."""
    key = _BETWEEN.sub("", _ADDRESS.sub("", text.strip()).casefold())
    if key in _KNOWN:
        return _KNOWN[key]
    count = _COUNT.fullmatch(text.strip())
    if count is None:
        return None
    number = int(count.group(2))
    few = count.group(1) in ("<", "≤") and number <= 1  # fewer than one
    return "in_stock" if number > 0 and not few else "out_of_stock"
