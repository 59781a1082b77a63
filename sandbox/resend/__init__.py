"""Resend: sending and receiving e-mail. Facts: https://resend.com/docs and its OpenAPI file."""
