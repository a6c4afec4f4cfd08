"""Believable calls without a telephone system: whole months at once, or live to the desks."""
