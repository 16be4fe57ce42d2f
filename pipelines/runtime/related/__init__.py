"""Making the lists of related products, in Delta and Postgres, and measuring how often they are right."""

from pipelines.runtime.related.build import BUILD_RELATED, RelatedRun, build_related, related_rules

__all__ = ["BUILD_RELATED", "RelatedRun", "build_related", "related_rules"]
