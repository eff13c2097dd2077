#include "models/domain/event.h"

namespace offerstream {

std::string_view Name(EventKind kind) {
  switch (kind) {
    case EventKind::kImpression: return "impression";
    case EventKind::kClick: return "click";
    case EventKind::kConversion: return "conversion";
    case EventKind::kTransaction: return "transaction";
    case EventKind::kEngagement: return "engagement";
    case EventKind::kDelivery: return "delivery";
    case EventKind::kUnsubscribe: return "unsubscribe";
    case EventKind::kComplaint: return "complaint";
    case EventKind::kProfile: return "profile";
    case EventKind::kRequest: return "request";
    case EventKind::kCampaignCost: return "campaign_cost";
    case EventKind::kDelete: return "delete";
    case EventKind::kIgnore: return "ignore";
  }
  return "";
}

}  // namespace offerstream
