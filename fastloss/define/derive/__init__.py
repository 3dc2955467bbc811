"""A jet from a value alone: trace a function, differentiate its expression, lower it to arithmetic, write a tree."""
