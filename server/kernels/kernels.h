#ifndef LOSSD_SERVER_KERNELS_KERNELS_H_
#define LOSSD_SERVER_KERNELS_KERNELS_H_

#include "server/kernels/binary_elements.h"
#include "server/kernels/class_id_rows.h"
#include "server/kernels/dense_elements.h"
#include "server/kernels/dense_row.h"
#include "server/kernels/dispatch.h"
#include "server/kernels/hessian.h"
#include "server/kernels/piece.h"
#include "server/kernels/stores.h"
#include "server/kernels/workspace.h"

#endif  // LOSSD_SERVER_KERNELS_KERNELS_H_
