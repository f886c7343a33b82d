"""What goes in and out: models, parameters, examples, and the OpenAPI document of them."""
