/* Resizes images by Pillow's filters and by the nearest neighbour, to Pillow's bits; see
   augflow.native.resample. */
#ifndef AUGFLOW_RESAMPLE_H
#define AUGFLOW_RESAMPLE_H

#include <Python.h>

#define HIDDEN __attribute__((visibility("hidden")))

HIDDEN extern const char weigh_doc[], resample_doc[], pick_doc[];

HIDDEN PyObject *weigh(PyObject *module, PyObject *arguments);
HIDDEN PyObject *resample(PyObject *module, PyObject *arguments);
HIDDEN PyObject *pick(PyObject *module, PyObject *arguments);

#endif
