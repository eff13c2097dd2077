#include "consumers/offline/report/report_sections.h"

#include "consumers/offline/report/json_text.h"

namespace offerstream::report {
namespace {

constexpr std::size_t kShown = 20, kSimilarShown = 5;

}  // namespace

std::string PreferencesJson(const PreferenceStudy& study, EventTime now) {
  const ItemSimilarity& items = study.items();
  if (study.shares().size() == 0) return "";
  Object out;
  out.Count("customers", static_cast<std::int64_t>(study.customers())).Count("items", static_cast<std::int64_t>(items.items()));
  const auto rate = [&](std::int64_t hits) { return study.asked() > 0 ? static_cast<double>(hits) / static_cast<double>(study.asked()) : 0; };
  Object next;  // an order counts when its customer's next one begins
  next.Count("orders", study.asked()).Count("hits", study.hits()).Real("hit_rate_10", rate(study.hits()));
  out.Add("next_purchase", next.Count("popular_hits", study.popular_hits()).Real("popular_hit_rate_10", rate(study.popular_hits())).str());
  out.Real("favourite_share", study.FavouriteShare(now));
  out.Add("categories", Array(study.shares().Largest(kShown), [&](const std::pair<IdHash, double>& c) {
    return Object().Text("category", study.NameOf(c.first)).Real("share", c.second).str();
  }));
  out.Add("similar", Array(items.Popular({}, kShown), [&](IdHash item) {
    std::vector<ItemSimilarity::Similar> similar = items.Now(item);
    similar.resize(std::min(similar.size(), kSimilarShown));
    Object row;
    row.Text("item", study.NameOf(item)).Real("bought", items.bought(item));
    return row.Add("with", Row(similar, [&](const ItemSimilarity::Similar& s) {
      return Object().Text("item", study.NameOf(s.item)).Real("similarity", s.similarity).Real("together", s.together).str();
    })).str();
  }));
  return out.str();
}

}  // namespace offerstream::report
