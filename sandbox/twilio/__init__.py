"""Twilio: SMS, MMS and WhatsApp. Facts: https://www.twilio.com/docs/messaging and its spec."""
