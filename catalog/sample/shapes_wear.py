"""How clothes, shoes and bags are drawn."""

from catalog.sample.pen import DARK, GOLD, PAPER, Pen, Point, shade


def _torso(pen: Pen, sleeve: list[Point], waist: float) -> None:
    """A body with two sleeves; `sleeve` lists the right sleeve's points from shoulder to armpit."""
    body = [
        (-0.2, -0.85),
        (0.2, -0.85),
        *sleeve,
        (waist, 0.95),
        (-waist, 0.95),
        *[(-x, y) for x, y in reversed(sleeve)],
    ]
    pen.area(body, pen.colour)
    pen.area([(waist * 0.3, -0.3), *sleeve[-1:], (waist, 0.95), (waist * 0.2, 0.95)], shade(pen.colour, 0.88))


def tshirt(pen: Pen) -> None:
    """Short sleeves and a round neck."""
    out = pen.between(0.8, 0.98)
    _torso(pen, [(0.45, -0.8), (out, -0.4), (out - 0.2, -0.1), (0.5, -0.3)], pen.between(0.46, 0.58))
    pen.oval(0, -0.85, 0.2, 0.12, shade(pen.colour, 0.65))
    if pen.chance(0.4):
        pen.oval(0, -0.1, 0.24, 0.22, pen.accent)
    elif pen.chance(0.3):
        pen.box(-0.5, -0.05, 0.5, 0.12, pen.accent)


def shirt(pen: Pen) -> None:
    """Collar, button placket and mostly long sleeves."""
    if pen.chance(0.65):
        _torso(pen, [(0.45, -0.8), (0.95, 0.6), (0.75, 0.7), (0.5, -0.2)], pen.between(0.46, 0.55))
    else:
        _torso(pen, [(0.45, -0.8), (0.9, -0.35), (0.7, -0.1), (0.5, -0.3)], pen.between(0.46, 0.55))
    light = shade(pen.colour, 1.25)
    pen.line([(0, -0.7), (0, 0.93)], 0.13, light)
    for y in (-0.5, -0.2, 0.1, 0.4, 0.7):
        pen.oval(0, y, 0.035, 0.035, DARK)
    pen.area([(-0.24, -0.9), (0, -0.62), (-0.14, -0.5), (-0.32, -0.75)], light)
    pen.area([(0.24, -0.9), (0, -0.62), (0.14, -0.5), (0.32, -0.75)], light)


def sweater(pen: Pen) -> None:
    """Long sleeves with ribs at cuffs and hem."""
    _torso(pen, [(0.45, -0.8), (0.98, 0.55), (0.74, 0.68), (0.54, -0.2)], pen.between(0.52, 0.62))
    rib = shade(pen.colour, 0.72)
    pen.box(-0.56, 0.82, 0.56, 0.97, rib)
    pen.ring((0, -0.83, 0.21, 0.11), 0.08, rib)
    for side in (-1, 1):
        pen.line([(side * 0.74, 0.64), (side * 0.97, 0.53)], 0.12, rib)
    if pen.chance(0.55):
        for y in (-0.25, 0.05, 0.35):
            pen.line([(-0.5, y), (-0.25, y + 0.1), (0, y), (0.25, y + 0.1), (0.5, y)], 0.06, pen.accent)


def _legs(pen: Pen, length: float, flare: float) -> None:
    pen.area(
        [(-0.45, -0.95), (0.45, -0.95), (flare, length), (0.08, length), (0, -0.3), (-0.08, length), (-flare, length)],
        pen.colour,
    )
    pen.area([(0.2, -0.9), (0.45, -0.95), (flare, length), (flare * 0.6, length)], shade(pen.colour, 0.85))
    pen.box(-0.46, -0.97, 0.46, -0.82, shade(pen.colour, 0.7))
    pen.line([(0, -0.82), (0, -0.35)], 0.03, shade(pen.colour, 0.6))


def trousers(pen: Pen) -> None:
    """Two long legs."""
    _legs(pen, 1.05, pen.between(0.38, 0.6))


def shorts(pen: Pen) -> None:
    """Two short legs."""
    _legs(pen, pen.between(-0.05, 0.35), pen.between(0.55, 0.72))


def skirt(pen: Pen) -> None:
    """One flaring piece, often pleated."""
    length, flare = pen.between(0.3, 0.95), pen.between(0.6, 0.9)
    pen.area([(-0.35, -0.85), (0.35, -0.85), (flare, length), (-flare, length)], pen.colour)
    if pen.chance(0.65):
        for k in (-0.6, -0.2, 0.2, 0.6):
            pen.area([(k * 0.35, -0.85), (k * flare, length), (k * flare + 0.12, length)], shade(pen.colour, 0.8))
    pen.box(-0.36, -0.9, 0.36, -0.75, shade(pen.colour, 0.65))


def cap(pen: Pen) -> None:
    """A dome and a peak."""
    pen.area(
        [(-0.7, 0.25), (-0.65, -0.2), (-0.4, -0.55), (0, -0.66), (0.4, -0.5), (0.6, -0.1), (0.62, 0.25)], pen.colour
    )
    pen.area([(0.2, 0.12), (0.65, 0.1), (1.1, 0.3), (1.12, 0.42), (0.5, 0.33), (-0.1, 0.32)], shade(pen.accent, 0.8))
    pen.line([(0, -0.66), (0.15, 0.2)], 0.03, shade(pen.colour, 0.65))
    pen.oval(0, -0.66, 0.07, 0.05, shade(pen.colour, 0.6))
    if pen.chance(0.5):
        pen.oval(0.38, -0.1, 0.14, 0.16, PAPER)


def sock(pen: Pen) -> None:
    """A tube with a foot."""
    top = pen.between(-0.95, -0.4)
    pen.area(
        [(-0.35, top), (0.15, top), (0.17, 0.2), (0.75, 0.5), (0.85, 0.75), (0.6, 0.9), (-0.1, 0.75), (-0.37, 0.5)],
        pen.colour,
    )
    pen.box(-0.36, top, 0.16, top + 0.2, pen.accent)
    pen.oval(-0.2, 0.58, 0.2, 0.2, shade(pen.accent, 0.9))
    pen.oval(0.66, 0.72, 0.2, 0.17, shade(pen.accent, 0.9))


def _upper(pen: Pen, heel: float, colour: tuple[int, int, int]) -> None:
    """The side of a low shoe, toe to the right; `heel` is the height of the back."""
    pen.area(
        [
            (-0.95, heel),
            (-0.75, heel - 0.05),
            (-0.4, heel + 0.12),
            (0.05, heel),
            (0.35, 0.1),
            (0.85, 0.2),
            (1, 0.45),
            (-0.98, 0.45),
        ],
        colour,
    )
    pen.area([(-0.95, heel + 0.15), (-0.6, 0.1), (0.6, 0.4), (1, 0.45), (-0.98, 0.45)], shade(colour, 0.86))


def sneaker(pen: Pen) -> None:
    """A low shoe with laces and a thick pale sole."""
    _upper(pen, pen.between(-0.45, -0.25), pen.colour)
    pen.area([(-1, 0.42), (1.02, 0.42), (1.05, 0.62), (0.9, 0.72), (-0.98, 0.7)], PAPER if pen.chance(0.7) else DARK)
    for k in range(4):
        pen.line([(0.02 + k * 0.11, -0.2 + k * 0.09), (0.2 + k * 0.11, -0.1 + k * 0.09)], 0.05, PAPER)
    if pen.chance(0.7):
        pen.line([(-0.6, 0.3), (-0.2, 0.1), (0.1, 0.3)], 0.1, pen.accent)


def loafer(pen: Pen) -> None:
    """A low shoe without laces on a thin dark sole and heel."""
    _upper(pen, pen.between(-0.2, -0.05), pen.colour)
    pen.area([(-0.98, 0.44), (1.02, 0.44), (1, 0.52), (-0.45, 0.53), (-0.48, 0.66), (-0.97, 0.66)], DARK)
    pen.area([(0.05, -0.02), (0.35, 0.08), (0.3, 0.28), (0.02, 0.2)], shade(pen.colour, 0.7))
    if pen.chance(0.5):
        pen.oval(0.2, 0.12, 0.08, 0.05, GOLD)


def ankle_boot(pen: Pen) -> None:
    """A shaft up to the ankle, heel and sole."""
    top = pen.between(-0.85, -0.55)
    pen.area([(-0.75, top), (0.05, top), (0.1, -0.1), (0.5, 0.15), (0.92, 0.3), (1, 0.58), (-0.8, 0.58)], pen.colour)
    pen.area([(-0.8, 0.56), (1.02, 0.56), (1, 0.66), (-0.3, 0.67), (-0.35, 0.85), (-0.78, 0.85)], DARK)
    if pen.chance(0.5):
        pen.area([(-0.45, top), (-0.2, top), (-0.28, 0), (-0.4, 0)], shade(pen.colour, 0.55))
    else:
        for k in range(4):
            pen.line([(-0.1, top + 0.15 + k * 0.16), (0.12, top + 0.2 + k * 0.16)], 0.05, pen.accent)


def rain_boot(pen: Pen) -> None:
    """A high glossy shaft."""
    top = pen.between(-1.1, -0.8)
    pen.area([(-0.6, top), (0.08, top), (0.1, 0.1), (0.5, 0.3), (0.85, 0.5), (0.9, 0.75), (-0.55, 0.75)], pen.colour)
    pen.line([(-0.35, top + 0.2), (-0.32, 0.3)], 0.09, shade(pen.colour, 1.5))
    pen.box(-0.62, top, 0.1, top + 0.12, shade(pen.colour, 0.7))
    pen.area([(-0.58, 0.73), (0.93, 0.73), (0.93, 0.86), (-0.58, 0.92)], shade(pen.accent, 0.6))


def sandal(pen: Pen) -> None:
    """Straps over a thick sole, the foot's shape left open."""
    pen.area([(-1, 0.3), (-0.3, 0.42), (0.6, 0.4), (1.05, 0.3), (1.05, 0.5), (0.9, 0.6), (-1, 0.62)], (176, 138, 98))
    pen.area([(-1, 0.58), (1, 0.56), (0.98, 0.66), (-1, 0.7)], DARK)
    pen.area([(0.2, 0.4), (0.38, 0.08), (0.68, 0.05), (0.92, 0.34)], pen.colour)
    pen.area([(-0.95, 0.33), (-0.92, -0.12), (-0.72, -0.12), (-0.68, 0.38)], pen.colour)
    pen.line([(-0.86, -0.02), (-0.5, -0.2), (-0.2, -0.08)], 0.13, shade(pen.colour, 0.85))
    pen.line([(-0.25, -0.08), (-0.1, 0.42)], 0.13, shade(pen.colour, 0.85))
    if pen.chance(0.5):
        pen.line([(-0.2, -0.05), (0.4, 0.12)], 0.1, pen.colour)
    pen.oval(-0.28, -0.08, 0.07, 0.07, GOLD)


def flipflop(pen: Pen) -> None:
    """A sole from above with a toe post."""
    for x in (-0.48, 0.48) if pen.chance(0.7) else (0.0,):
        pen.area(
            [
                (x - 0.3, -0.75),
                (x, -0.98),
                (x + 0.3, -0.75),
                (x + 0.26, 0.1),
                (x + 0.28, 0.8),
                (x, 1),
                (x - 0.28, 0.8),
                (x - 0.25, 0.1),
            ],
            pen.colour,
        )
        pen.line([(x - 0.27, 0.15), (x, -0.55), (x + 0.27, 0.15)], 0.1, pen.accent)


def backpack(pen: Pen) -> None:
    """A rounded body with a front pocket and two straps."""
    pen.arc((0, -0.8, 0.2, 0.22), (180, 360), 0.08, shade(pen.colour, 0.6))
    for side in (-1, 1):
        pen.arc((side * 0.55, 0.1, 0.25, 0.6), (-90, 90) if side > 0 else (90, 270), 0.09, shade(pen.colour, 0.6))
    pen.area([(-0.6, 0.9), (-0.62, -0.4), (-0.4, -0.8), (0, -0.9), (0.4, -0.8), (0.62, -0.4), (0.6, 0.9)], pen.colour)
    pen.area([(-0.45, 0.8), (-0.45, 0.1), (0.45, 0.1), (0.45, 0.8)], shade(pen.accent, 0.9))
    pen.line([(-0.42, 0.22), (0.42, 0.22)], 0.04, DARK)
    pen.arc((0, -0.1, 0.5, 0.5), (190, 350), 0.04, DARK)


def handbag(pen: Pen) -> None:
    """A trapezium with a flap, a buckle and a handle."""
    pen.arc((0, -0.3, 0.42, pen.between(0.45, 0.7)), (180, 360), 0.09, shade(pen.colour, 0.6))
    pen.area([(-0.65, -0.35), (0.65, -0.35), (0.88, 0.75), (-0.88, 0.75)], pen.colour)
    pen.area([(-0.66, -0.36), (0.66, -0.36), (0.75, 0.1), (0, 0.28), (-0.75, 0.1)], shade(pen.colour, 0.82))
    pen.box(-0.1, 0.1, 0.1, 0.32, GOLD)


def tote(pen: Pen) -> None:
    """A plain sack with two long handles."""
    for x in (-0.04, 0.06):
        pen.arc((x, -0.3, 0.32, 0.72), (180, 360), 0.07, shade(pen.colour, 0.7))
    pen.area([(-0.62, -0.35), (0.62, -0.35), (0.68, 0.95), (-0.68, 0.95)], shade(pen.colour, 1.15))
    if pen.chance(0.6):
        pen.oval(0, 0.3, 0.3, 0.28, pen.accent)
    pen.line([(-0.6, -0.25), (0.6, -0.25)], 0.03, shade(pen.colour, 0.75))


def suitcase(pen: Pen) -> None:
    """A ribbed shell with wheels and a pulled-out handle."""
    pen.line([(-0.25, -0.6), (-0.25, -1.1), (0.25, -1.1), (0.25, -0.6)], 0.06, DARK)
    pen.area(
        [(-0.6, -0.6), (-0.5, -0.68), (0.5, -0.68), (0.6, -0.6), (0.6, 0.82), (0.5, 0.9), (-0.5, 0.9), (-0.6, 0.82)],
        pen.colour,
    )
    for x in (-0.4, -0.2, 0, 0.2, 0.4):
        pen.line([(x, -0.6), (x, 0.82)], 0.05, shade(pen.colour, 0.75 if pen.chance(0.8) else 1.2))
    for x in (-0.45, 0.45):
        pen.oval(x, 0.98, 0.1, 0.1, DARK)


def wallet(pen: Pen) -> None:
    """A folded rectangle with a seam."""
    low = pen.between(0.42, 0.6)
    pen.box(-0.85, -low, 0.85, low, pen.colour)
    pen.box(-0.85, low - 0.08, 0.85, low, shade(pen.colour, 0.7))
    pen.line(
        [(-0.78, -low + 0.08), (0.78, -low + 0.08), (0.78, low - 0.14), (-0.78, low - 0.14)],
        0.025,
        shade(pen.colour, 1.35),
    )
    if pen.chance(0.5):
        pen.area([(0.4, -0.15), (0.95, -0.15), (0.95, 0.15), (0.4, 0.15)], shade(pen.colour, 0.6))
        pen.oval(0.55, 0, 0.07, 0.07, GOLD)
    elif pen.chance(0.6):
        pen.line([(0.1, -low), (0.1, low)], 0.03, shade(pen.colour, 0.55))
