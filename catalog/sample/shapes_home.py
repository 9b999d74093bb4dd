"""How things of kitchen, lighting and living rooms are drawn."""

from catalog.sample.pen import DARK, GLASS, GOLD, PAPER, STEEL, WOOD, Pen, shade


def mug(pen: Pen) -> None:
    """A straight vessel with a big handle."""
    width, high = pen.between(0.42, 0.56), pen.between(0.55, 0.8)
    side = pen.between(0.2, 0.3)
    pen.arc((width + 0.02, 0, side, high * 0.55), (-95, 95), 0.13, shade(pen.colour, 0.75))
    pen.turned([(width, -high), (width, high * 0.6), (width * pen.between(0.8, 1), high)], pen.colour)
    if pen.chance(0.35):
        pen.box(-width, -0.15, width, 0.1, pen.accent)


def teacup(pen: Pen) -> None:
    """A low, flaring vessel with a small handle, mostly on a saucer."""
    width, high = pen.between(0.46, 0.6), pen.between(0.3, 0.48)
    if pen.chance(0.8):
        pen.oval(0, high + 0.04, 0.95, 0.22, shade(pen.colour, 0.72))
        pen.oval(0, high, 0.93, 0.2, shade(pen.colour, 1.1))
    pen.arc((width * 0.93, -high * 0.2, 0.2, high * 0.5), (-95, 95), 0.09, shade(pen.colour, 0.75))
    pen.turned([(width, -high), (width * 0.93, 0), (width * 0.7, high * 0.7), (width * 0.45, high)], pen.colour, 0.2)


def tumbler(pen: Pen) -> None:
    """A glass without a handle."""
    width, high, foot = pen.between(0.34, 0.5), pen.between(0.6, 0.9), pen.between(0.7, 0.98)
    glass = GLASS if pen.chance(0.7) else shade(pen.colour, 1.5)
    pen.turned([(width, -high), (width * foot, high)], glass, 0.18)
    if pen.chance(0.5):
        drink = shade(pen.accent, 1.2)
        pen.area(
            [(-width * 0.9, -0.1), (width * 0.9, -0.1), (width * foot * 0.9, high), (-width * foot * 0.9, high)], drink
        )


def wineglass(pen: Pen) -> None:
    """A bowl on a stem."""
    width, bowl, neck = pen.between(0.34, 0.5), pen.between(0.05, 0.25), pen.between(0.04, 0.06)
    glass = GLASS if pen.chance(0.8) else shade(pen.colour, 1.5)
    pen.oval(0, 0.92, width * 0.85, 0.09, shade(glass, 0.8))
    pen.box(-neck, bowl, neck, 0.92, shade(glass, 0.85))
    pen.turned([(width * 0.85, -0.95), (width, -0.5), (width * 0.85, -0.1), (neck, bowl + 0.1)], glass, 0.2)
    if pen.chance(0.5):
        pen.area([(-width, -0.45), (width, -0.45), (width * 0.8, -0.1), (0, bowl), (-width * 0.8, -0.1)], (122, 28, 50))


def saucepan(pen: Pen) -> None:
    """A pan with high walls and one long handle."""
    high, metal = pen.between(0.3, 0.45), STEEL if pen.chance(0.6) else pen.colour
    pen.bar((0.4, -high * 0.6), (1.1, -high * 0.6 - pen.between(0, 0.2)), 0.13, DARK if pen.chance(0.6) else WOOD)
    pen.turned([(0.56, -high), (0.56, high * 0.8), (0.5, high)], metal, 0.2)


def frying_pan(pen: Pen) -> None:
    """A flat round pan seen from above, with one handle."""
    flat = pen.between(0.45, 0.95)
    pen.bar((0.3, 0), (1.25, -pen.between(0, 0.35)), 0.16, DARK if pen.chance(0.7) else WOOD)
    pen.oval(-0.25, 0, 0.72, 0.72 * flat, shade(STEEL if pen.chance(0.4) else pen.colour, 0.8))
    pen.oval(-0.25, -0.02, 0.62, 0.6 * flat, (60, 60, 64))
    pen.arc((-0.25, -0.02, 0.45, 0.42 * flat), (190, 300), 0.05, (110, 110, 114))


def stockpot(pen: Pen) -> None:
    """A high pot with two small handles, sometimes under its lid."""
    high, metal = pen.between(0.45, 0.7), STEEL if pen.chance(0.65) else pen.colour
    for side in (-1, 1):
        pen.ring((side * 0.64, -high * 0.5, 0.13, 0.09), 0.06, shade(metal, 0.6))
    pen.turned([(0.58, -high), (0.58, high * 0.85), (0.53, high)], metal, 0.18)
    if pen.chance(0.5):
        pen.oval(0, -high - 0.02, 0.6, 0.13, shade(metal, 1.15))
        pen.oval(0, -high - 0.16, 0.1, 0.07, DARK)


def plate(pen: Pen) -> None:
    """A disc with a rim."""
    flat, rim = pen.between(0.55, 1), pen.between(0.6, 0.78)
    pen.oval(0, 0.04, 0.95, 0.95 * flat, shade(pen.colour, 0.72))
    pen.oval(0, 0, 0.95, 0.95 * flat, shade(pen.colour, 1.15))
    pen.oval(0, 0.01, rim, rim * flat, shade(pen.colour, 0.9))
    pen.oval(0, 0.02, rim * 0.96, rim * 0.95 * flat, shade(pen.colour, 1.2))
    if pen.chance(0.5):
        pen.ring((0, 0, 0.88, 0.88 * flat), 0.03, pen.accent)


def bowl(pen: Pen) -> None:
    """A half sphere on a foot."""
    high, open_ = pen.between(0.35, 0.6), pen.between(0.18, 0.4)
    pen.turned(
        [(0.88, -high * 0.7), (0.8, -0.05), (0.55, high * 0.55), (0.33, high * 0.8), (0.33, high)], pen.colour, open_
    )
    if pen.chance(0.3):
        pen.oval(0, -high * 0.7, 0.6, 0.6 * open_ * 0.8, pen.accent)


def _shaft(pen: Pen, top: float) -> None:
    metal = STEEL if pen.chance(0.7) else GOLD
    pen.area([(-0.06, top), (0.06, top), (0.1, 0.95), (0.06, 1.05), (-0.06, 1.05), (-0.1, 0.95)], metal)
    pen.line([(-0.02, top), (-0.03, 0.9)], 0.04, shade(metal, 1.4))


def fork(pen: Pen) -> None:
    """Tines on a shaft."""
    _shaft(pen, -0.3)
    pen.area([(-0.2, -0.7), (0.2, -0.7), (0.17, -0.4), (0.06, -0.2), (-0.06, -0.2), (-0.17, -0.4)], STEEL)
    for x in (-0.17, -0.06, 0.06, 0.17):
        pen.line([(x, -1.05), (x, -0.6)], 0.06, shade(STEEL, 0.9))


def spoon(pen: Pen) -> None:
    """An oval bowl on a shaft."""
    _shaft(pen, -0.4)
    wide = pen.between(0.2, 0.28)
    pen.oval(0, -0.68, wide, 0.38, STEEL)
    pen.oval(-0.02, -0.66, wide * 0.72, 0.28, shade(STEEL, 0.78))
    pen.oval(-0.06, -0.74, wide * 0.25, 0.14, shade(STEEL, 1.5))


def table_knife(pen: Pen) -> None:
    """A blade on a shaft."""
    _shaft(pen, 0.05)
    pen.area([(-0.08, 0.1), (-0.08, -1.05), (0.06, -0.95), (0.11, -0.6), (0.1, 0.1)], shade(STEEL, 1.15))
    pen.line([(-0.05, -1), (-0.05, 0.1)], 0.03, shade(STEEL, 0.7))


def _shade_cone(pen: Pen, top: float, bottom: float, widths: tuple[float, float]) -> None:
    high, low = widths
    pen.area([(-high, top), (high, top), (low, bottom), (-low, bottom)], pen.colour)
    pen.area([(high * 0.3, top), (high, top), (low, bottom), (low * 0.3, bottom)], shade(pen.colour, 0.82))
    pen.oval(0, bottom, low, 0.06, (255, 240, 190))


def table_lamp(pen: Pen) -> None:
    """A shade on a short, round foot."""
    low, metal = pen.between(0.5, 0.72), GOLD if pen.chance(0.4) else DARK
    pen.oval(0, 0.93, 0.38, 0.09, metal)
    if pen.chance(0.5):
        pen.oval(0, 0.5, 0.26, 0.4, shade(pen.accent, 0.95))
    pen.bar((0, -0.1), (0, 0.92), 0.08, metal)
    _shade_cone(pen, -0.9, -0.05, (low * pen.between(0.4, 0.9), low))


def floor_lamp(pen: Pen) -> None:
    """A small shade on a long pole."""
    metal = GOLD if pen.chance(0.4) else DARK
    pen.oval(0, 1.05, 0.28, 0.06, metal)
    if pen.chance(0.3):
        pen.arc((0.25, -0.35, 0.3, 0.55), (-180, -10), 0.045, metal)
        pen.bar((-0.05, -0.4), (-0.05, 1.05), 0.05, metal)
        pen.oval(0.54, -0.35, 0.22, 0.17, pen.colour)
        return
    pen.bar((0, -0.7), (0, 1.05), 0.05, metal)
    _shade_cone(pen, -1.1, -0.68, (pen.between(0.16, 0.28), 0.36))


def pendant(pen: Pen) -> None:
    """A shade on a cord from above."""
    pen.line([(0, -1.5), (0, -0.2)], 0.035, DARK)
    low = pen.between(0.5, 0.85)
    if pen.chance(0.4):
        pen.oval(0, 0.3, low * 0.8, low * 0.75, shade(pen.colour, 1.2))
        pen.oval(low * 0.2, 0.4, low * 0.5, low * 0.5, shade(pen.colour, 1.05))
        return
    pen.area([(-0.1, -0.3), (0.1, -0.3), (low * 0.7, 0.1), (low, 0.6), (-low, 0.6), (-low * 0.7, 0.1)], pen.colour)
    pen.area([(0.02, -0.3), (0.1, -0.3), (low * 0.7, 0.1), (low, 0.6), (low * 0.3, 0.6)], shade(pen.colour, 0.8))
    pen.oval(0, 0.6, low, 0.13, (255, 238, 180))


def bulb(pen: Pen) -> None:
    """A glass pear on a screw base."""
    glass = (255, 236, 170) if pen.chance(0.6) else shade(GLASS, 1.3)
    pen.area([(-0.3, 0.2), (0.3, 0.2), (0.2, 0.5), (-0.2, 0.5)], glass)
    pen.oval(0, -0.25, pen.between(0.48, 0.6), pen.between(0.52, 0.64), glass)
    pen.arc((-0.1, -0.3, 0.32, 0.35), (180, 260), 0.06, (255, 255, 245))
    pen.line([(-0.12, 0.4), (-0.15, -0.15), (0, -0.3), (0.15, -0.15), (0.12, 0.4)], 0.03, (190, 120, 50))
    pen.box(-0.21, 0.45, 0.21, 0.88, STEEL)
    for y in (0.55, 0.68, 0.81):
        pen.line([(-0.23, y), (0.23, y - 0.04)], 0.05, shade(STEEL, 0.65))


def candle(pen: Pen) -> None:
    """A pillar with a flame."""
    width, top = pen.between(0.18, 0.42), pen.between(-0.6, 0)
    wax = PAPER if pen.chance(0.4) else shade(pen.colour, 1.2)
    pen.turned([(width, top), (width, 0.95)], wax, 0.2)
    pen.oval(0, top, width * 0.85, width * 0.15, shade(wax, 1.1))
    pen.line([(0, top), (0, top - 0.15)], 0.04, DARK)
    pen.area(
        [(0, top - 0.5), (0.1, top - 0.22), (0.05, top - 0.1), (-0.05, top - 0.1), (-0.1, top - 0.22)], (255, 170, 40)
    )
    pen.oval(0, top - 0.2, 0.045, 0.09, (255, 240, 170))


def clock(pen: Pen) -> None:
    """A dial with two hands."""
    rim = pen.colour
    pen.oval(0.02, 0.03, 0.93, 0.93, shade(rim, 0.6))
    pen.oval(0, 0, 0.92, 0.92, rim)
    pen.oval(0, 0, 0.78, 0.78, PAPER if pen.chance(0.8) else DARK)
    marks = pen.accent
    for x, y in ((0, -1), (1, 0), (0, 1), (-1, 0), (0.5, 0.87), (0.87, 0.5), (-0.5, 0.87), (-0.87, -0.5), (0.5, -0.87)):
        pen.line([(x * 0.62, y * 0.62), (x * 0.74, y * 0.74)], 0.06, marks)
    pen.line([(0, 0), (pen.between(-0.4, 0.4), pen.between(-0.45, 0.3))], 0.09, marks)
    pen.line([(0, 0), (pen.between(-0.5, 0.5), -0.55)], 0.06, marks)
    pen.oval(0, 0, 0.07, 0.07, marks)


def mirror(pen: Pen) -> None:
    """A pale reflecting face in a slim edge."""
    edge = GOLD if pen.chance(0.35) else pen.colour
    face, gleam = (198, 212, 220), (232, 240, 244)
    if pen.chance(0.6):
        tall = pen.between(0.75, 1)
        pen.oval(0, 0, 0.8, 0.95 * tall, edge)
        pen.oval(0, 0, 0.7, 0.85 * tall, face)
    else:
        pen.box(-0.62, -0.95, 0.62, 0.95, edge)
        pen.box(-0.53, -0.86, 0.53, 0.86, face)
    pen.area([(-0.35, 0.3), (0.15, -0.5), (0.32, -0.5), (-0.2, 0.42)], gleam)
    pen.line([(0, 0.45), (0.36, -0.15)], 0.05, gleam)


def picture_frame(pen: Pen) -> None:
    """A frame with a mount and a small landscape."""
    tall = pen.between(0.65, 1)
    pen.box(-0.85, -tall, 0.85, tall, WOOD if pen.chance(0.4) else pen.colour)
    pen.box(-0.72, -tall + 0.13, 0.72, tall - 0.13, PAPER)
    pen.box(-0.48, -tall + 0.35, 0.48, tall - 0.35, shade(pen.accent, 1.4))
    pen.area(
        [(-0.48, tall - 0.35), (-0.1, -0.05), (0.15, 0.2), (0.3, 0.05), (0.48, tall - 0.35)], shade(pen.accent, 0.7)
    )


def vase(pen: Pen) -> None:
    """A belly and a neck, sometimes with twigs."""
    belly, neck = pen.between(0.4, 0.62), pen.between(0.14, 0.3)
    if pen.chance(0.4):
        for x in (-0.3, 0.05, 0.35):
            pen.line([(0, -0.5), (x, -1.15)], 0.03, (96, 120, 70))
            pen.oval(x, -1.15, 0.11, 0.11, pen.accent)
    pen.turned(
        [(neck * 1.25, -0.75), (neck, -0.45), (belly, 0.15), (belly * 0.9, 0.5), (belly * 0.55, 0.95)], pen.colour, 0.2
    )


def cushion(pen: Pen) -> None:
    """A soft square with drawn-in sides."""
    soft = pen.between(0.08, 0.2)
    corners = [(-0.9, -0.85), (0, -0.85 + soft), (0.9, -0.85), (0.9 - soft, 0), (0.92, 0.85), (0, 0.85 - soft)]
    pen.area([*corners, (-0.92, 0.85), (-0.9 + soft, 0)], pen.colour)
    pen.area([(0.9, -0.85), (0.9 - soft, 0), (0.92, 0.85), (0, 0.85 - soft), (0.5, 0.3)], shade(pen.colour, 0.85))
    if pen.chance(0.6):
        for x in (-0.5, -0.15, 0.2, 0.55):
            pen.line([(x, -0.66), (x - 0.05, 0.66)], 0.06, pen.accent)
    pen.line([(-0.6, -0.5), (-0.2, -0.35)], 0.04, shade(pen.colour, 1.3))
