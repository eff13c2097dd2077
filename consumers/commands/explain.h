// How a command ends that met an error.
#pragma once

#include "models/domain/status.h"

namespace offerstream {

/// One line on stderr, the sentence of the error's code and its detail; the exit code.
int Explain(const Error& error);

}  // namespace offerstream
