"""What engines that read pages share: documents, the session, and PDFs that can be searched."""
