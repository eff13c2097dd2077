// A Status nobody looks at.
// error: ignoring returned value of type
#include "models/domain/status.h"

namespace offerstream {

Status Write() { return {}; }

bool Use() {
#ifdef MISUSE
  Write();
#endif
  return Write().has_value();
}

}  // namespace offerstream
