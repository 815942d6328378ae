"""GET /models and /models/{name}."""

from typing import Annotated

from fastapi import APIRouter, Path

from app.api import openapi
from app.api.dependencies import ServiceOf
from app.api.schemas import ModelList
from app.inference.card import ModelCard

router = APIRouter(tags=["models"])


@router.get(
    "/models",
    summary="List the models",
    responses=openapi.answer(
        "The card of each model, and which is the default.",
        describe=openapi.link("describe_model", "Its card.", name="$response.body#/default"),
        denoise=openapi.link("denoise", "Use the default model.", model="$response.body#/default"),
    )
    | openapi.problems(500, 503),
)
async def list_models(service: ServiceOf) -> ModelList:
    """Return what each model was trained on, for which noise, and its evaluation."""
    packages = service.models.packages()
    cards = [package.card for package in packages.values()]
    default = service.settings.model
    return ModelList(default=default, engine=service.models.engine(default), models=cards)


@router.get(
    "/models/{name}",
    summary="Describe a model",
    responses=openapi.answer("The model's card.") | openapi.problems(404, 422, 500, 503),
)
async def describe_model(
    service: ServiceOf,
    name: Annotated[
        str, Path(min_length=1, max_length=64, description="A name in /models.", examples=["unet"])
    ],
) -> ModelCard:
    """Return the card of one model."""
    return service.models.package(name).card
