"""Where the texts of a figure are, for the tests."""

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from mindvideo.figures.style import style


def drawn(figure):
    """Lay a figure out; return it with its renderer."""
    canvas = FigureCanvasAgg(figure)
    with style():
        canvas.draw()
    return figure, canvas.get_renderer()


def boxes(figure, kind, within=None):
    figure, renderer = drawn(figure)
    found = [a for a in (within or figure).findobj(kind) if a.get_visible()]
    found = [a for a in found if not isinstance(a, Text) or a.get_text().strip()]
    return [(a, a.get_window_extent(renderer)) for a in found]


def cut(figure):
    """Texts that reach beyond the figure; those of ticks outside an axis are not drawn."""
    drawn(figure)
    width, height = figure.bbox.width, figure.bbox.height
    ticks = {
        label
        for axis in figure.axes
        for which in (axis.xaxis, axis.yaxis)
        for tick in which.get_major_ticks() + which.get_minor_ticks()
        for label in (tick.label1, tick.label2)
        if not axis.axison
        or not min(which.get_view_interval()) <= tick.get_loc() <= max(which.get_view_interval())
    }
    return [
        text.get_text()
        for text, box in boxes(figure, Text)
        if text not in ticks
        and (box.x0 < -1 or box.y0 < -1 or box.x1 > width + 1 or box.y1 > height + 1)
    ]
