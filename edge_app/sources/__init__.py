"""Where pictures come from: a capture card, a stream, video, image and DICOM files."""
