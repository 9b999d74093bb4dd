"""Every rule a row can break and every flag it can carry, in plain words for the vendor: the problem, what to send instead."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Remedy:
    """problem: what is wrong with the row. send: what the vendor should send instead. example: a good value, or ''."""

    problem: str
    send: str
    example: str = ""


# Rows that were refused: nothing of them was taken.
RULES = {
    "missing_item_id": Remedy(
        "The row has no item number.", "Fill the item number in every row; it stays the same in every file.", "AB-10427"
    ),
    "bad_item_id": Remedy("The item number is longer than 200 characters.", "Send the short number (SKU).", "AB-10427"),
    "digits_lost": Remedy(
        "The item number, or that of its product, stands in the spreadsheet as a number of more than 15 digits: a "
        "spreadsheet keeps 15 and makes zeros or other digits of the rest.",
        "Format the column as text, then enter the numbers anew: those that stand there have lost their digits.",
        "123456789012345678",
    ),
    "duplicate_id": Remedy(
        "Several rows have the same item number and say different things; none of them was taken.",
        "Send each item once. Variants (size, colour) each need a number of their own.",
    ),
    "bad_price": Remedy(
        "The price is not one number.", "Send one number with a decimal sign, and the currency beside it.", "1299.00"
    ),
    "nothing_to_classify": Remedy(
        "The row has neither a name nor a picture.", "Fill the product's name, as a customer would read it."
    ),
    "hash_without_picture": Remedy("The picture of the row could not be stored.", "Send the picture again."),
    "ragged": Remedy(
        "The row has other columns than the header.",
        "Export with the delimiter escaped: text that contains it stands in double quotes.",
        '"Cable, 2 m"',
    ),
    "bad_quote": Remedy(
        "A quote inside the row is not closed or not doubled.",
        "Double each quote inside a quoted text.",
        '"Pipe 3/4"" steel"',
    ),
    "bad_json": Remedy(
        "The line is not a JSON object.", "Send one complete JSON object a line.", '{"sku": "AB-10427"}'
    ),
    "bad_encoding": Remedy(
        "The row has characters that cannot be read in the file's encoding.", "Export the whole file as UTF-8."
    ),
    "too_many_attributes": Remedy(
        "The row has more than 1,000 named attributes.", "Send what describes the product; leave out what is empty."
    ),
    "unknown_action": Remedy(
        "The word in the action column is not known.", "Send one of the words agreed on.", "delete"
    ),
    "bad_vendor": Remedy(
        "The vendor's name has characters other than letters, digits, '.', '_' and '-'.", "Use those only."
    ),
    "missing_category": Remedy("The row has no category.", "Fill the category."),
    "unknown_category": Remedy("The category is not in the list.", "Send a category from the list."),
    "not_assignable": Remedy("Nothing may stand in this category.", "Send one of the categories below it."),
    "bad_labelled_at": Remedy("The date cannot be read.", "Send dates as year-month-day.", "2026-11-25"),
    "unexpected_error": Remedy("The row could not be read for a reason unknown.", "Nothing; we look into it."),
}

# Rows that were taken, but something about them was left out or doubted.
FLAGS = {
    "nul_removed": Remedy("The row contained NUL characters; they were removed.", "Export as plain text without NUL."),
    "price_guessed": Remedy(
        "The price can be read in two ways (1.299: one and a bit, or a thousand).",
        "Send prices with two decimals.",
        "1299.00",
    ),
    "ambiguous_price": Remedy(
        "The price can be read in two ways (1.299: one and a bit, or a thousand).",
        "Send prices with two decimals.",
        "1299.00",
    ),
    "price_range": Remedy("The price is a range.", "Send one price for each item that can be bought.", "1299.00"),
    "price_from": Remedy("The price is a lowest price ('from').", "Send the price of this item.", "1299.00"),
    "zero_price": Remedy("The price is zero.", "Send the price, or leave the cell empty.", "1299.00"),
    "negative_price": Remedy("The price is below zero.", "Send the price, or leave the cell empty.", "1299.00"),
    "bad_currency": Remedy("The currency is not known.", "Send the three letters of the currency.", "EUR"),
    "gtin_invalid": Remedy(
        "The GTIN (EAN, UPC, ISBN) has a wrong length or check digit; it was not used.",
        "Send the number under the bar code with all its digits, or leave the cell empty.",
        "4006381333931",
    ),
    "gtin_restricted": Remedy(
        "The GTIN is a number for use inside one shop; it was not used.",
        "Send the manufacturer's number, or leave the cell empty.",
        "4006381333931",
    ),
    "internal_gtin": Remedy(
        "The GTIN is a number for use inside one shop; it was not used.",
        "Send the manufacturer's number, or leave the cell empty.",
        "4006381333931",
    ),
    "gtin_scientific": Remedy(
        "A spreadsheet shortened the GTIN (4.0E+12): its digits are lost.",
        "Format the column as text before saving.",
        "4006381333931",
    ),
    "id_scientific": Remedy(
        "A spreadsheet shortened a number (4.0E+12): its digits are lost.", "Format the column as text before saving."
    ),
    "title_cut": Remedy("The name has more than 500 characters; the rest was left out.", "Send a shorter name."),
    "description_cut": Remedy(
        "The description has more than 5,000 characters; the rest was left out.", "Nothing, or a shorter text."
    ),
    "image_missing": Remedy(
        "The picture named is not in the delivery.", "Send the picture with the file, under the very name in the row."
    ),
    "image_unreadable": Remedy(
        "The picture cannot be opened.", "Send JPEG, PNG or WebP of at most 20 MB and 50 million pixels."
    ),
    "image_fetch_failed": Remedy(
        "The picture's address gives no picture.", "Send a public address that opens the picture in a browser."
    ),
    "image_refused": Remedy(
        "The picture's path leads out of the delivery.",
        "Send a path relative to the file, or an address.",
        "images/ab-10427.jpg",
    ),
}


def remedy(code: str) -> Remedy:
    """The words for a rule or a flag. One this table does not know is named by its code, so that none is left out."""
    if code in RULES or code in FLAGS:
        return RULES.get(code) or FLAGS[code]
    if code.endswith("_cut"):
        return Remedy("A text is longer than is kept; the rest was left out.", "Send a shorter text.")
    words = code.replace("_", " ")
    if code.startswith("image_"):
        return Remedy(
            f"The picture cannot be used: {words}.", "Send JPEG, PNG or WebP, with the file or as an address."
        )
    return Remedy(f"The row was marked: {words}.", "Ask us if this says too little.")
