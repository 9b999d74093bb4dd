"""How tools, toys and things of the garden are drawn, and the pictures that could show anything of their kind."""

from catalog.sample.pen import DARK, GLASS, GOLD, LEAF, PAPER, STEEL, WOOD, Colour, Pen, shade


def flower_pot(pen: Pen) -> None:
    """A tapering pot with a rim, mostly planted."""
    clay = (190, 104, 70) if pen.chance(0.5) else pen.colour
    if pen.chance(0.65):
        for x, y in ((-0.45, -0.85), (-0.2, -1.1), (0.1, -1), (0.4, -0.95), (0.55, -0.65)):
            pen.line([(0, -0.2), (x, y)], 0.1, LEAF)
            pen.oval(x, y, 0.16, 0.13, shade(LEAF, pen.between(0.8, 1.3)))
    low = pen.between(0.35, 0.45)
    pen.turned([(0.62, -0.2), (low, 0.9)], clay)
    pen.turned([(0.68, -0.3), (0.68, -0.08)], shade(clay, 0.95), 0.16)


def watering_can(pen: Pen) -> None:
    """A body with a spout and a handle."""
    metal = pen.colour if pen.chance(0.6) else STEEL
    pen.line([(0.3, 0.4), (0.95, -0.45)], 0.13, shade(metal, 0.8))
    pen.area([(0.82, -0.62), (1.12, -0.4), (1.05, -0.3), (0.78, -0.5)], shade(metal, 0.65))
    pen.arc((-0.3, -0.15, 0.6, 0.65), (120, 320), 0.09, shade(metal, 0.65))
    pen.turned([(0.42, -0.35), (0.5, 0.75)], metal, 0.16)


def spade(pen: Pen) -> None:
    """A blade on a long handle with a grip."""
    pen.bar((0, -0.95), (0, 0.35), 0.09, WOOD)
    pen.line([(-0.2, -1), (0.2, -1)], 0.11, DARK if pen.chance(0.5) else WOOD)
    metal = STEEL if pen.chance(0.6) else shade(pen.colour, 0.7)
    wide = pen.between(0.22, 0.32)
    pen.area([(-wide, 0.3), (wide, 0.3), (wide, 0.8), (0, pen.between(0.95, 1.2)), (-wide, 0.8)], metal)
    pen.line([(0, 0.35), (0, 0.75)], 0.05, shade(metal, 0.7))


def rake(pen: Pen) -> None:
    """A comb on a long handle."""
    pen.bar((0, -1.1), (0, 0.6), 0.08, WOOD)
    metal = shade(pen.colour, 0.8) if pen.chance(0.5) else STEEL
    if pen.chance(0.5):
        for k in range(-4, 5):
            pen.line([(0, 0.35), (k * 0.13, 1)], 0.045, metal)
        return
    pen.line([(-0.55, 0.62), (0.55, 0.62)], 0.09, metal)
    for k in range(-4, 5):
        pen.line([(k * 0.13, 0.62), (k * 0.13, 0.95)], 0.05, metal)


def garden_chair(pen: Pen) -> None:
    """A slatted seat and back."""
    frame = WOOD if pen.chance(0.6) else pen.colour
    dark = shade(frame, 0.75)
    pen.line([(0.5, 0.15), (0.6, 1)], 0.08, dark)
    pen.line([(-0.45, -0.95), (-0.35, 0.2), (-0.5, 1)], 0.09, dark)
    pen.line([(0.35, -0.95), (0.42, 0.2), (0.3, 1)], 0.09, dark)
    for k in range(4):
        pen.line([(-0.44 + k * 0.02, -0.85 + k * 0.24), (0.36 + k * 0.02, -0.85 + k * 0.24)], 0.13, frame)
    pen.area([(-0.45, 0.12), (0.5, 0.12), (0.62, 0.32), (-0.4, 0.32)], shade(frame, 1.15))
    if pen.chance(0.5):
        pen.line([(-0.42, -0.15), (0.65, -0.12), (0.62, 0.25)], 0.07, dark)


def garden_table(pen: Pen) -> None:
    """A top on legs."""
    frame = WOOD if pen.chance(0.6) else pen.colour
    dark = shade(frame, 0.7)
    if pen.chance(0.5):
        pen.line([(0, -0.3), (0, 0.7)], 0.1, dark)
        pen.line([(-0.45, 0.85), (0, 0.65), (0.45, 0.85)], 0.09, dark)
        pen.oval(0, -0.33, 0.88, 0.24, shade(frame, 0.8))
        pen.oval(0, -0.38, 0.88, 0.24, shade(frame, 1.1))
        return
    for x in (-0.85, -0.6, 0.6, 0.85):
        pen.line([(x * 0.95, -0.2), (x, 0.8)], 0.09, dark)
    pen.area([(-0.75, -0.5), (0.75, -0.5), (1.02, -0.2), (-1.02, -0.2)], shade(frame, 1.1))
    pen.box(-1.02, -0.2, 1.02, -0.08, shade(frame, 0.85))
    for x in (-0.4, 0, 0.4):
        pen.line([(x * 0.75, -0.5), (x, -0.2)], 0.03, dark)


def parasol(pen: Pen) -> None:
    """A canopy on a pole."""
    pen.bar((0, -0.6), (0, 1.05), 0.06, WOOD if pen.chance(0.5) else STEEL)
    pen.oval(0, 1.02, 0.22, 0.08, DARK)
    low = pen.between(-0.25, 0)
    edge = [(-0.98, low), (-0.5, low + 0.08), (0, low + 0.1), (0.5, low + 0.08), (0.98, low)]
    pen.area([(0, -0.9), *edge], pen.colour)
    for left, right in ((0, 1), (2, 3)):
        pen.area([(0, -0.9), edge[left], edge[right]], shade(pen.accent, 1.1) if pen.chance(0.5) else PAPER)


def toy_car(pen: Pen) -> None:
    """A body, a cabin and two wheels."""
    roof = pen.between(-0.5, -0.3)
    pen.area([(-0.55, 0), (-0.35, roof), (0.3, roof), (0.55, 0)], shade(pen.colour, 0.85))
    pen.area([(-0.42, 0), (-0.28, roof + 0.1), (-0.03, roof + 0.1), (-0.03, 0)], GLASS)
    pen.area([(0.05, 0), (0.05, roof + 0.1), (0.25, roof + 0.1), (0.42, 0)], GLASS)
    pen.area([(-1, 0.05), (-0.6, -0.03), (0.6, -0.03), (1, 0.12), (1, 0.4), (-1, 0.4)], pen.colour)
    for x in (-0.55, 0.55):
        pen.oval(x, 0.42, 0.24, 0.24, DARK)
        pen.oval(x, 0.42, 0.11, 0.11, pen.accent)


def toy_train(pen: Pen) -> None:
    """A boiler, a chimney, a cab and wheels."""
    pen.box(-0.9, 0.15, 0.95, 0.35, DARK)
    pen.box(-0.25, -0.35, 0.85, 0.18, pen.colour)
    pen.box(-0.85, -0.75, -0.25, 0.18, pen.accent)
    pen.box(-0.72, -0.6, -0.4, -0.25, PAPER)
    pen.box(-0.92, -0.85, -0.18, -0.72, shade(pen.accent, 0.65))
    pen.area([(0.5, -0.35), (0.45, -0.8), (0.8, -0.8), (0.72, -0.35)], DARK)
    for x in (-0.6, -0.02, 0.34, 0.7):
        size = 0.24 if x < -0.1 else 0.16
        pen.oval(x, 0.45, size, size, shade(pen.colour, 0.55))
        pen.oval(x, 0.45, size * 0.4, size * 0.4, PAPER)


def ball(pen: Pen) -> None:
    """A sphere with panels or stripes."""
    pen.oval(0, 0, 0.9, 0.9, pen.colour)
    if pen.chance(0.5):
        for x, y in ((0, 0), (0.62, -0.4), (-0.62, -0.4), (0.4, 0.66), (-0.4, 0.66)):
            pen.area(
                [(x, y - 0.26), (x + 0.24, y - 0.08), (x + 0.15, y + 0.2), (x - 0.15, y + 0.2), (x - 0.24, y - 0.08)],
                pen.accent,
            )
    else:
        for x in (0.15, 0.5):
            pen.arc((0, 0, x, 0.88), (-90, 90), 0.12, pen.accent)
            pen.arc((0, 0, x, 0.88), (90, 270), 0.12, PAPER)
    pen.oval(-0.35, -0.42, 0.16, 0.12, shade(pen.colour, 1.5))


def kite(pen: Pen) -> None:
    """A diamond with a tail."""
    pen.line([(0, 0.5), (0.15, 0.75), (-0.1, 0.95), (0.12, 1.2)], 0.035, DARK)
    for x, y in ((0.15, 0.75), (-0.1, 0.95)):
        pen.area([(x - 0.14, y - 0.07), (x + 0.14, y + 0.07), (x + 0.14, y - 0.07), (x - 0.14, y + 0.07)], pen.accent)
    wide = pen.between(0.5, 0.75)
    pen.area([(0, -1), (wide, -0.3), (0, 0.55), (-wide, -0.3)], pen.colour)
    pen.area([(0, -1), (wide, -0.3), (0, -0.3)], pen.accent)
    pen.area([(0, 0.55), (-wide, -0.3), (0, -0.3)], shade(pen.accent, 0.8))
    pen.line([(0, -1), (0, 0.55)], 0.03, DARK)


def teddy(pen: Pen) -> None:
    """A bear that sits."""
    fur = (168, 118, 72) if pen.chance(0.6) else shade(pen.colour, 1.1)
    pale = shade(fur, 1.4)
    for side in (-1, 1):
        pen.oval(side * 0.38, -0.82, 0.17, 0.17, fur)
        pen.oval(side * 0.6, 0.2, 0.2, 0.32, shade(fur, 0.9))
        pen.oval(side * 0.42, 0.8, 0.26, 0.22, shade(fur, 0.9))
    pen.oval(0, 0.4, 0.5, 0.55, fur)
    pen.oval(0, 0.45, 0.28, 0.34, pale)
    pen.oval(0, -0.5, 0.47, 0.43, fur)
    pen.oval(0, -0.36, 0.2, 0.16, pale)
    for x in (-0.17, 0.17):
        pen.oval(x, -0.58, 0.05, 0.06, DARK)
    pen.oval(0, -0.42, 0.07, 0.05, DARK)


def blocks(pen: Pen) -> None:
    """Cubes on each other."""
    colours = [pen.colour, pen.accent, (226, 178, 60), (84, 130, 190), WOOD]
    places = [(-0.6, 0.45), (0.02, 0.45), (0.64, 0.45), (-0.3, -0.15), (0.34, -0.15), (0.0, -0.75)]
    for x, y in places[: 6 if pen.chance(0.6) else 4]:
        tone = colours[pen.rng.randrange(len(colours))]
        pen.box(x - 0.27, y - 0.27, x + 0.27, y + 0.27, tone)
        pen.area(
            [(x - 0.27, y - 0.27), (x - 0.15, y - 0.4), (x + 0.39, y - 0.4), (x + 0.27, y - 0.27)], shade(tone, 1.3)
        )
        pen.area(
            [(x + 0.27, y - 0.27), (x + 0.39, y - 0.4), (x + 0.39, y + 0.14), (x + 0.27, y + 0.27)], shade(tone, 0.7)
        )


def hammer(pen: Pen) -> None:
    """A head across a handle."""
    pen.bar((0, -0.6), (0, 1.05), 0.15, WOOD if pen.chance(0.6) else pen.accent)
    pen.area([(-0.25, -0.85), (0.5, -0.85), (0.5, -0.5), (-0.25, -0.5)], shade(STEEL, 0.75))
    if pen.chance(0.6):
        pen.area([(-0.25, -0.85), (-0.7, -0.62), (-0.62, -0.5), (-0.25, -0.6)], shade(STEEL, 0.6))
    else:
        pen.box(-0.55, -0.82, -0.25, -0.53, shade(STEEL, 0.65))


def saw(pen: Pen) -> None:
    """A toothed blade on a handle."""
    pen.area([(-0.45, -0.3), (1.05, -0.12), (1.05, 0.05), (-0.45, 0.28)], STEEL)
    for k in range(14):
        x = -0.42 + k * 0.105
        y = 0.28 - (x + 0.45) * 0.155
        pen.area([(x, y), (x + 0.05, y + 0.08), (x + 0.1, y - 0.01)], shade(STEEL, 0.7))
    grip = WOOD if pen.chance(0.5) else pen.colour
    pen.area([(-1.05, -0.35), (-0.4, -0.38), (-0.38, 0.3), (-0.75, 0.48), (-1, 0.35)], grip)
    pen.oval(-0.72, 0, 0.14, 0.2, DARK)


def screwdriver(pen: Pen) -> None:
    """A thick grip and a thin shaft."""
    pen.bar((0, -0.05), (0, 0.95), 0.09, STEEL)
    pen.area([(-0.08, 0.95), (0.08, 0.95), (0.04, 1.1), (-0.04, 1.1)], shade(STEEL, 0.6))
    pen.area([(-0.2, -0.95), (0.2, -0.95), (0.22, -0.2), (0.1, 0), (-0.1, 0), (-0.22, -0.2)], pen.colour)
    for x in (-0.1, 0.08):
        pen.line([(x, -0.9), (x, -0.2)], 0.05, shade(pen.colour, 0.65))
    pen.box(-0.21, -0.6, 0.21, -0.45, pen.accent)


def wrench(pen: Pen) -> None:
    """A bar with an open jaw, often with a ring at the other end."""
    pen.bar((0, -0.5), (0, 0.6), 0.2, STEEL)
    pen.ring((0, 0.75, 0.2, 0.2), 0.15, shade(STEEL, 0.85))
    pen.oval(0, -0.68, 0.33, 0.32, shade(STEEL, 0.9))
    pen.area([(-0.14, -1.1), (0.16, -1.1), (0.14, -0.65), (-0.12, -0.65)], PAPER)


def pliers(pen: Pen) -> None:
    """Two crossed arms with sleeves."""
    pen.area([(-0.08, -1), (0.08, -1), (0.22, -0.45), (0.18, -0.1), (-0.18, -0.1), (-0.22, -0.45)], shade(STEEL, 0.8))
    pen.line([(0, -1), (0, -0.4)], 0.03, DARK)
    for side in (-1, 1):
        pen.line([(0, -0.2), (side * 0.28, 0.2), (side * 0.34, 0.95)], 0.16, pen.colour)
    pen.oval(0, -0.25, 0.12, 0.12, shade(STEEL, 0.55))


def surfboard(pen: Pen) -> None:
    """A long board: in no category of the sample."""
    pen.area(
        [
            (0, -1.2),
            (0.25, -0.7),
            (0.32, 0),
            (0.25, 0.8),
            (0.1, 1.1),
            (-0.1, 1.1),
            (-0.25, 0.8),
            (-0.32, 0),
            (-0.25, -0.7),
        ],
        pen.colour,
    )
    pen.line([(0, -1.15), (0, 1.05)], 0.05, PAPER)


def aquarium(pen: Pen) -> None:
    """A tank with fish: in no category of the sample."""
    pen.box(-1, -0.65, 1, 0.7, (140, 190, 216))
    pen.box(-1, 0.5, 1, 0.7, (196, 170, 120))
    for x, y in ((-0.5, -0.1), (0.2, 0.15), (0.5, -0.3)):
        pen.oval(x, y, 0.14, 0.08, (240, 130, 40))
        pen.area([(x + 0.1, y), (x + 0.24, y - 0.09), (x + 0.24, y + 0.09)], (240, 130, 40))
    pen.box(-1.02, -0.75, 1.02, -0.62, DARK)


def folded(pen: Pen) -> None:
    """Folded cloth."""
    for k, tone in enumerate((0.8, 1.0, 1.15)):
        y = 0.35 - k * 0.28
        pen.area([(-0.75, y), (0.7, y), (0.76, y + 0.24), (-0.78, y + 0.26)], shade(pen.colour, tone))


def sole(pen: Pen) -> None:
    """A sole from below."""
    tread = shade(pen.accent, 0.6)
    pen.oval(0, -0.45, 0.4, 0.55, tread)
    pen.area([(-0.38, -0.35), (0.38, -0.35), (0.27, 0.5), (-0.25, 0.5)], tread)
    pen.oval(0.01, 0.62, 0.29, 0.38, tread)
    for k in range(6):
        pen.line([(-0.28, -0.8 + k * 0.14), (0.28, -0.76 + k * 0.14)], 0.05, shade(tread, 0.65))
    for k in range(3):
        pen.line([(-0.2, 0.5 + k * 0.15), (0.2, 0.5 + k * 0.15)], 0.05, shade(tread, 0.65))


def top_view(pen: Pen) -> None:
    """A vessel from straight above."""
    pen.oval(0, 0, 0.8, 0.8, shade(pen.colour, 1.1))
    pen.oval(0, 0, 0.7, 0.7, shade(pen.colour, 0.7))
    pen.oval(0, 0, 0.62, 0.62, (96, 58, 34) if pen.chance(0.4) else (170, 200, 210))


def lid(pen: Pen) -> None:
    """A lid from above."""
    metal = STEEL if pen.chance(0.6) else pen.colour
    pen.oval(0, 0, 0.9, 0.8, shade(metal, 0.75))
    pen.oval(0, 0, 0.8, 0.7, metal)
    pen.arc((0, 0, 0.6, 0.5), (180, 270), 0.06, shade(metal, 1.5))
    pen.oval(0, 0, 0.16, 0.14, DARK)


def stack(pen: Pen) -> None:
    """A pile of dishes from the side."""
    for k in range(5):
        pen.oval(0, 0.5 - k * 0.22, 0.85, 0.16, shade(pen.colour, 0.8))
        pen.oval(0, 0.46 - k * 0.22, 0.85, 0.16, shade(pen.colour, 1.15))


def handles(pen: Pen) -> None:
    """Shafts side by side, what they carry outside the picture."""
    tone: Colour = WOOD if pen.chance(0.4) else STEEL
    for k in range(3):
        pen.bar((-0.4 + k * 0.4, -1.4), (-0.4 + k * 0.4, 1), 0.17, tone)


def plant_top(pen: Pen) -> None:
    """Green from above."""
    pen.oval(0, 0, 0.75, 0.75, shade(pen.colour, 0.8))
    for k in range(9):
        x, y = pen.between(-0.5, 0.5), pen.between(-0.5, 0.5)
        pen.oval(x, y, 0.26, 0.18, shade(LEAF, 0.75 + k * 0.07))


def slats(pen: Pen) -> None:
    """A folded frame with slats."""
    frame = WOOD if pen.chance(0.6) else pen.colour
    for k in range(5):
        pen.line([(-0.8, -0.7 + k * 0.35), (0.8, -0.75 + k * 0.35)], 0.2, shade(frame, 1.0 + k % 2 * 0.15))
    pen.line([(-0.7, -0.9), (-0.7, 0.9)], 0.1, shade(frame, 0.7))


def blister(pen: Pen) -> None:
    """A card with a clear bubble."""
    pen.box(-0.7, -1, 0.7, 1, pen.accent)
    pen.box(-0.6, -0.9, 0.6, -0.55, PAPER)
    pen.oval(0, -0.95, 0.12, 0.05, DARK)
    pen.oval(0, 0.25, 0.5, 0.55, shade(GLASS, 0.95))
    pen.oval(pen.between(-0.1, 0.1), 0.3, 0.3, 0.3, pen.colour)


def gift(pen: Pen) -> None:
    """Something wrapped."""
    pen.box(-0.75, -0.5, 0.75, 0.8, pen.colour)
    pen.box(-0.12, -0.5, 0.12, 0.8, pen.accent)
    pen.box(-0.75, 0.05, 0.75, 0.25, pen.accent)
    for side in (-1, 1):
        pen.ring((side * 0.25, -0.62, 0.22, 0.14), 0.07, pen.accent)


def zipper(pen: Pen) -> None:
    """Cloth with a zip, too close to see more."""
    pen.box(-3, -3, 3, 3, pen.colour)
    pen.box(-3, -0.1, 3, 0.12, shade(pen.colour, 0.6))
    for k in range(28):
        pen.line([(-2.2 + k * 0.16, -0.06), (-2.2 + k * 0.16, 0.08)], 0.05, GOLD)


def glow(pen: Pen) -> None:
    """Light in the dark."""
    pen.box(-3, -3, 3, 3, (48, 42, 40))
    for k, size in enumerate((0.95, 0.75, 0.55, 0.35)):
        pen.oval(0, 0, size, size, (110 + k * 46, 90 + k * 46, 60 + k * 42))


def tool_roll(pen: Pen) -> None:
    """A rolled case with grips that look out."""
    for k in range(4):
        pen.bar((-0.5 + k * 0.33, -0.8), (-0.5 + k * 0.33, 0), 0.16, pen.accent if k % 2 else DARK)
    pen.box(-0.85, -0.3, 0.85, 0.85, pen.colour)
    pen.box(-0.85, 0.15, 0.85, 0.28, shade(pen.colour, 0.65))


def back_board(pen: Pen) -> None:
    """The back of something that hangs."""
    pen.box(-0.85, -0.85, 0.85, 0.85, (170, 146, 112))
    pen.line([(-0.4, -0.45), (0, -0.65), (0.4, -0.45)], 0.04, DARK)
    pen.box(-0.3, 0.2, 0.3, 0.45, PAPER)


def carton(pen: Pen) -> None:
    """A parcel: shows nothing of what is in it."""
    board: Colour = (188, 148, 104) if pen.chance(0.7) else shade(pen.accent, 1.2)
    pen.area([(-0.8, -0.45), (0.2, -0.6), (0.85, -0.35), (-0.2, -0.2)], shade(board, 1.2))
    pen.area([(-0.8, -0.45), (-0.2, -0.2), (-0.2, 0.8), (-0.8, 0.5)], shade(board, 0.8))
    pen.area([(-0.2, -0.2), (0.85, -0.35), (0.85, 0.6), (-0.2, 0.8)], board)
    pen.area([(0.1, 0.1), (0.6, 0.03), (0.6, 0.3), (0.1, 0.38)], PAPER)
    pen.line([(0.18, 0.2), (0.5, 0.15)], 0.04, DARK)
