"""Lifelike traffic: made-up customers of a Vietnamese retailer and their events; start at `generator.generate`."""
