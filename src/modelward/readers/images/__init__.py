"""Folders of images as tensors of the study: DICOM and NIfTI, one way of grey for both."""
