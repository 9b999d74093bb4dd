"""Files as vendors of several languages might send them, made by code: the same shop, another header, another dialect."""

import csv
import io
import random

WORDS = {
    "ru": "холодильник чайник кабель лампа настольная белый чёрный стол шкаф зеркало набор куртка детский летний",
    "de": "Stuhl Tisch Lampe schwarz weiß grün Größe Möbel Küche Topf Pfanne Edelstahl Schlauch Kissen",
    "en": "chair table lamp black white green large kitchen pot pan steel garden hose cushion",
    "ar": "كرسي طاولة مصباح أسود أبيض أخضر كبير مطبخ قدر مقلاة حديقة خرطوم وسادة بطانية",
    "tr": "sandalye masa lamba siyah beyaz yeşil büyük mutfak çelik bahçe yastık gömlek kırmızı ağır",
    "pl": "krzesło stół lampa czarny biały zielony duży kuchnia ogród wąż poduszka łóżko świeca różowy",
    "cs": "židle stůl lampa černý bílý zelený velký kuchyně hrnec ocel hadice polštář dřevěný růžový",
    "fr": "chaise table lampe blanc vert cuisine poêle acier coussin éponge fenêtre été français crème",
    "es": "silla mesa lámpara blanco verde cocina sartén jardín cojín niño pequeño algodón baño",
    "pt": "cadeira mesa lâmpada branco verde cozinha aço jardim calção proteção balão pão",
    "sr": "stolica sto lampa bela zelena velika šerpa tiganj čelik bašta ćebe žuta đačka",
    "it": "sedia tavolo lampada bianco verde cucina città acciaio giardino più caffè qualità",
}
KEYS = ("item_id", "title", "description", "brand", "price", "vendor_category", "gtin", "images", "stock", "colour")
HEADERS = {
    "ru": "Артикул|Наименование|Описание|Бренд|Цена, руб.|Категория|Штрихкод|Ссылка на фото|Остаток|Цвет",
    "uk": "Код_товару|Назва_позиції|Опис|Виробник|Ціна|Назва_групи|Штрихкод|Посилання_зображення|Наявність|Колір",
    "de": "Artikel-Nr.|Bezeichnung|Beschreibung|Hersteller|VK-Preis|Warengruppe|EAN|Bild-URL|Lagerbestand|Farbe",
    "en": "ItemNumber|ProductName|LongDescription|Brand|UnitPrice|CategoryPath|Barcode|ImageURL|StockQty|Colour",
    "ar": "رمز المنتج|اسم المنتج|الوصف|العلامة التجارية|السعر|الفئة|الباركود|رابط الصورة|الكمية|اللون",
    "tr": "Stok Kodu|Ürün Adı|Açıklama|Marka|Satış Fiyatı|Kategori|Barkod|Resim URL|Stok|Renk",
    "pl": "KOD PRODUKTU|NAZWA|OPIS|PRODUCENT|CENA BRUTTO|KATEGORIA|EAN|ZDJĘCIE|ILOŚĆ|KOLOR",
    "cs": "kod_zbozi|nazev|popis|vyrobce|cena_s_dph|kategorie|carovy_kod|obrazek|sklad|barva",
    "fr": "Référence|Désignation|Descriptif|Marque|Prix TTC|Famille|Code-barres|URL image|Stock|Couleur",
    "es": "Código|Nombre|Descripción|Marca|Precio|Categoría|Código de barras|Imagen|Existencias|Color",
    "pt": "Código do Produto|Nome|Descrição|Marca|Preço|Categoria|Código de Barras|Imagem|Estoque|Cor",
    "sr": "Šifra|Naziv|Opis|Proizvođač|Cena|Kategorija|Barkod|Slika|Zaliha|Boja",
    "it": "Codice articolo|Denominazione|Descrizione|Produttore|Prezzo|Categoria|Codice EAN|Immagine|Giacenza|Colore",
}


def products(language: str, rows: int, seed: int = 3) -> list[dict[str, str]]:
    """Rows of our keys in words of a language; GTINs check, prices have a point and two decimals."""
    rng, words = random.Random(seed), WORDS[language].split()
    found = []
    for number in range(rows):
        name = " ".join(rng.sample(words, 4))
        found.append(
            {
                "item_id": f"{rng.choice(['AB', 'XK', 'Q'])}-{10_000 + 7 * number}",
                "title": f"{name} {rng.choice('ABC')}{rng.randint(100, 999)}",
                "description": " ".join(rng.choices(words, k=30)),
                "brand": rng.choice(["Acme", "Borg", "Cyan Ltd"]),
                "price": f"{rng.randint(1, 900)}.{rng.randint(10, 99)}",
                "vendor_category": " > ".join(words[2 * (number % 3) :][:2]),
                "gtin": gtin(10_000_000 + number),
                "images": f"https://shop.example/i/{number}.jpg",
                "stock": str(rng.randint(0, 40)),
                "colour": rng.choice(words[4:7]),
            }
        )
    return found


def gtin(number: int) -> str:
    """A GTIN-13 with a right check digit."""
    digits = f"40{number:010d}"
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    return f"{digits}{-total % 10}"


def table(header: list[str], rows: list[list[str]], *, delimiter: str = ",", above: tuple[str, ...] = ()) -> str:
    """Delimited text, with title rows above the header if asked for."""
    text = io.StringIO(newline="")
    text.write("".join(f"{title}\r\n" for title in above))
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerows([header, *rows])
    return text.getvalue()


def feed(language: str, *, delimiter: str = ",", above: tuple[str, ...] = (), rows: int = 40) -> str:
    """A shop's file in a language, its columns in an order of its own."""
    order = list(range(len(KEYS)))
    random.Random(language).shuffle(order)
    header = HEADERS[language].split("|")
    spoken = "ru" if language == "uk" else language
    cells = [[product[KEYS[place]] for place in order] for product in products(spoken, rows)]
    return table([header[place] for place in order], cells, delimiter=delimiter, above=above)
