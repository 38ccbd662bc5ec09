"""P-values: tails of the normal, t, chi-square and F distributions.

The functions are those of scipy.special (Cephes), imported when they are first used because
reading them takes a quarter of a second.
"""


def normal_two_sided(z: float) -> float:
    """Return P(|Z| >= |z|) of a standard normal."""
    from scipy.special import ndtr  # noqa: PLC0415 - see the header

    return float(2 * ndtr(-abs(z)))


def student_two_sided(t: float, freedom: float) -> float:
    """Return P(|T| >= |t|) of Student's t with `freedom` degrees."""
    from scipy.special import stdtr  # noqa: PLC0415 - see the header

    return float(2 * stdtr(freedom, -abs(t)))


def student_quantile(share: float, freedom: float) -> float:
    """Return the quantile of Student's t with `freedom` degrees below which `share` lies."""
    from scipy.special import stdtrit  # noqa: PLC0415 - see the header

    return float(stdtrit(freedom, share))


def chi_square(value: float, freedom: float) -> float:
    """Return P(X >= value) of chi-square with `freedom` degrees."""
    from scipy.special import chdtrc  # noqa: PLC0415 - see the header

    return float(chdtrc(freedom, max(value, 0.0)))


def fisher(value: float, upper: float, lower: float) -> float:
    """Return P(F >= value) of F with `upper` and `lower` degrees."""
    from scipy.special import fdtrc  # noqa: PLC0415 - see the header

    return float(fdtrc(upper, lower, max(value, 0.0)))
