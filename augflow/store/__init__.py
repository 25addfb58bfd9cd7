"""Where the bytes of a file come from, if it is no file of this machine: a table, an archive.

In: the cells of a table, or the path of an archive.
Out: stored files, which give their bytes in any process, and folders of them.
Knows: base.
Read: stored_file, image_bytes, folder_tree, stored_folder, archive_index, archive, open_folder.
"""
