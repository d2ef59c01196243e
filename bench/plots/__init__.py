"""Plots of the sections: each module has `figures(result)`, which gives captions and figures."""
