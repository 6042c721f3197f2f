import {
  charterJobErasedSchema,
  charterRunErasedSchema,
  charterView,
  type CharterView,
  type JobErasedView,
  type RunErasedView,
} from '#contracts';

export function charterJobErased(view: JobErasedView): CharterView<typeof charterJobErasedSchema> {
  return charterView(charterJobErasedSchema, {
    job_id: view.job_id,
    erased: view.erased,
    also_erased: view.also_erased,
  });
}

export function charterRunErased(view: RunErasedView): CharterView<typeof charterRunErasedSchema> {
  return charterView(charterRunErasedSchema, {
    run_id: view.run_id,
    erased: view.erased,
    complete: view.complete,
  });
}
