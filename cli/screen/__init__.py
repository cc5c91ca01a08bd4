"""What a person sees in a terminal: pictures made from plain data, which tests and files can draw as well."""
