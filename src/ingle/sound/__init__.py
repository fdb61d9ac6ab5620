"""Work on sound and on the text that becomes sound. Pure, and used inside workers: what a
stranger's file or text can do is done to a process of its own."""
