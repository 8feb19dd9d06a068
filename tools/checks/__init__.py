"""What the doctor looks at; each check stands alone and loads native libraries only elsewhere."""
