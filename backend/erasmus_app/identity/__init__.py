"""Who the student is: claims, ESIs, accounts and sessions."""
