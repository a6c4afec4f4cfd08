"""Asterisk's manager interface (AMI): the client, the translation into the house's events, the intake."""
