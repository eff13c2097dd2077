// Where a model owner's output goes: records written in order, no transaction (repeating them is harmless).
#pragma once

#include "consumers/seams/outbox.h"
#include "models/domain/status.h"

namespace offerstream {

/// One thread.
class Publisher {
 public:
  virtual ~Publisher() = default;
  /// Copies. An error: nothing since the last Flush may count as written.
  virtual Status Append(const OutRecord& record) = 0;
  /// Waits until everything appended is written. An error: some may not be; append all again.
  virtual Status Flush() = 0;
};

}  // namespace offerstream
