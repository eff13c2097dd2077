// The receipt of an erasure, as JSON that names nobody.
#pragma once

#include <string>
#include <string_view>

#include "models/domain/ids.h"
#include "models/fold_output.h"

namespace offerstream {

/// Appends one line: hash of the customer, request, time, where the event lies, the partition's transaction, and what was removed.
/// `hash`: of the customer's id (IdHashing). `request`: the event's id, or its hash where it would tell the customer's id.
void EncodeReceipt(const ErasedCustomer& erased, std::string_view hash, std::string_view request, std::string_view topic, TxnSeq seq,
                   std::string& text);

}  // namespace offerstream
