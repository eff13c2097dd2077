// The seam through which the decision fold remembers customers: a slab over RocksDB in production, a std::map in tests.
#pragma once

#include <cstdint>
#include <string_view>

#include "models/domain/customer_profile.h"
#include "models/domain/ids.h"

namespace offerstream {

/// One partition's customers. References stay valid until the next call on the same memory that may load, erase or
/// evict (Open, Erase, EndTransaction); NextDue and Reschedule keep them valid. Used by one thread.
class FoldMemory {
 public:
  virtual ~FoldMemory() = default;

  /// The customer, loaded or created (created: empty profile with id and hash set). It is
  /// marked dirty since transaction `seq`, unless its as_of >= seq (recovery: the row includes it; an erased customer's
  /// tombstone then shows as an empty profile with that as_of). Total: a store that fails ends the process (exit 75).
  virtual CustomerProfile& Open(std::string_view id, IdHash hash, TxnSeq seq) = 0;
  /// Reads without creating or marking; null when there is no such customer. For the API and for tests.
  virtual const CustomerProfile* Find(std::string_view id, IdHash hash) = 0;
  /// Forgets the customer: a tombstone with as_of = seq is written with the next share.
  virtual void Erase(CustomerProfile& profile, TxnSeq seq) = 0;
  /// Tells that profile.next_due changed.
  virtual void Reschedule(CustomerProfile& profile) = 0;
  /// The customer with the earliest timer due at or before `limit`, ties by customer hash then id, opened as by Open;
  /// null when none is due. Customers whose as_of >= seq are passed over (recovery: their rows include it).
  virtual CustomerProfile* NextDue(EventTime limit, TxnSeq seq) = 0;
};

}  // namespace offerstream
