"""What each form of id, index and write concern costs, and what each index gains."""
