"""Where bytes come from that are in no file of this machine: a table, an archive, a bucket.

In: the cells of a table, the path of an archive, or an address.
Out: stored files, which give their bytes in any process, and folders of them.
Knows: base.
Read: stored_file, image_bytes, folder_tree, stored_folder, archive_index, archive, remote,
    open_folder.
"""
