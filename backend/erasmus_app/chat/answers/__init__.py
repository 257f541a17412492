"""What is answered, subject by subject: plain functions of what is known, which yield pieces."""
